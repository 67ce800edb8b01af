#include "postgres/server_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "postgres/crypto.h"

namespace rapidbyte::postgres {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string body_of(const std::vector<std::pair<char, std::string>>& fields) {
  std::string out;
  for (const auto& [type, value] : fields) {
    out += type;
    out += value;
    out += '\0';
  }
  return out + '\0';
}

TEST(ServerErrorTest, KnowsTheValueThatACopyCouldNotRead) {
  const struct {
    std::string where;
    std::string routine;
    bool in_inner_query;
    std::string value;
  } cases[] = {
      {"COPY orders, line 17, column price: \"x\"", "", false, "price: \"x\""},
      {"COPY orders, line 17, column price", "", false, "price"},
      {"COPY a, b, line 17, column price: \"x, y\"", "", false, "price: \"x, y\""},
      {"COPY orders, ligne 17, colonne le prix : « x »", "", false, "le prix : « x »"},
      {"COPY orders, line 17: \"a, line 1, column b\"", "", false, ""},
      {"COPY orders, line 17", "", false, ""},
      {"COPY orders", "", false, ""},
      {"COPY orders, ", "", false, ""},
      {"", "", false, ""},
      {"PL/pgSQL function f() line 1 at RAISE\nCOPY orders, line 17, column price: \"x\"", "", false, ""},
      {"invalid type name \"a b\"\nCOPY orders, line 17, column t: \"a b\"", "scanner_yyerror", false, "t: \"a b\""},
      {"invalid type name \"a b\"\nCOPY orders, line 17, column t: \"a b\"", "base_yyerror", true, ""},
  };
  for (const auto& c : cases) {
    ServerError error;
    error.where = c.where;
    error.routine = c.routine;
    error.in_inner_query = c.in_inner_query;
    EXPECT_EQ(error.copied_value(), c.value) << c.where;
  }
}

TEST(ServerErrorTest, KeepsWhatAConnectorHasFoundOut) {
  ServerError error;
  error.sqlstate = "3F000";
  error.message = "no schema";
  error.in_inner_query = true;
  sdk::Error as_error = to_status(error, "INSERT").error();
  refuse_value(as_error, "r");
  error.value_refused = true;
  error.column = "r";
  EXPECT_EQ(server_error_of(as_error), error);
}

TEST(ServerErrorTest, ReadsEveryField) {
  const std::string body = body_of({{'S', "FEHLER"},
                                    {'V', "ERROR"},
                                    {'C', "23505"},
                                    {'M', "duplicate key"},
                                    {'D', "Key (id)=(5) already exists."},
                                    {'H', "a hint"},
                                    {'P', "17"},
                                    {'W', "COPY orders, line 12, column id"},
                                    {'s', "public"},
                                    {'t', "orders"},
                                    {'c', "id"},
                                    {'d', "int4"},
                                    {'n', "orders_pkey"},
                                    {'F', "nbtinsert.c"},
                                    {'L', "666"},
                                    {'R', "_bt_check_unique"},
                                    {'q', "SELECT 1"},
                                    {'?', "a field of the future"}});
  const auto error = parse_server_error(bytes_of(body));
  ASSERT_TRUE(error.ok());
  const ServerError expected = {.severity = "ERROR",
                                .sqlstate = "23505",
                                .message = "duplicate key",
                                .detail = "Key (id)=(5) already exists.",
                                .hint = "a hint",
                                .position = 17,
                                .where = "COPY orders, line 12, column id",
                                .schema = "public",
                                .table = "orders",
                                .column = "id",
                                .data_type = "int4",
                                .constraint = "orders_pkey",
                                .routine = "_bt_check_unique",
                                .in_inner_query = true};
  EXPECT_EQ(*error, expected);
  EXPECT_EQ(error->copy_line(), 12U);

  const sdk::Status status = to_status(*error, "COPY into public.orders");
  EXPECT_EQ(status.error().code, "CONSTRAINT_VIOLATED");
  EXPECT_EQ(status.error().category, sdk::ErrorCategory::kData);
  EXPECT_EQ(status.error().message,
            "COPY into public.orders: duplicate key. Key (id)=(5) already exists. COPY orders, line 12, column id. "
            "a hint (SQLSTATE 23505)");
  EXPECT_EQ(server_error_of(status.error()), expected) << "the fields travel inside the SDK's error";
}

TEST(ServerErrorTest, TheLineOfACopyMayFollowThoseOfATrigger) {
  const auto line_of = [](const std::string& where) {
    ServerError error;
    error.where = where;
    return error.copy_line();
  };
  EXPECT_EQ(line_of("PL/pgSQL function judge() line 3 at RAISE\nCOPY orders, line 12: \"12\""), 12U);
  EXPECT_EQ(line_of("PL/pgSQL function judge() line 3 at RAISE"), std::nullopt);
  EXPECT_EQ(line_of("SQL statement \"SELECT 1\"\nPL/pgSQL function judge(), line 3"), std::nullopt);
}

TEST(ServerErrorTest, CutAndEmptyBodiesAreProtocolErrors) {
  const std::string whole = body_of({{'S', "ERROR"}, {'C', "42P01"}, {'M', "x"}});
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto error = parse_server_error(bytes_of(std::string_view(whole).substr(0, length)));
    ASSERT_FALSE(error.ok()) << length;
    EXPECT_EQ(error.error().code, "PROTOCOL");
  }
  EXPECT_FALSE(parse_server_error(bytes_of(std::string_view("\0", 1))).ok());
}

TEST(ServerErrorTest, OldServersSendNoPlainSeverity) {
  const auto error = parse_server_error(bytes_of(body_of({{'S', "FATAL"}, {'C', "57P01"}, {'M', "bye"}})));
  ASSERT_TRUE(error.ok());
  EXPECT_TRUE(error->is_fatal());
}

TEST(ServerErrorTest, LongAndForeignTextsAreTamed) {
  const auto error = parse_server_error(
      bytes_of(body_of({{'S', "ERROR"}, {'C', "XX000"}, {'M', std::string(100'000, 'x')}, {'D', "caf\xe9"}})));
  ASSERT_TRUE(error.ok());
  EXPECT_LT(error->message.size(), 9000U);
  EXPECT_EQ(error->detail, "caf\xef\xbf\xbd");
}

TEST(ServerErrorTest, EachKindSaysWhoActsAndWhetherToTryAgain) {
  struct Case {
    const char* sqlstate;
    const char* code;
    sdk::ErrorCategory category;
    bool retryable;
    const char* advice;
  };
  using enum sdk::ErrorCategory;
  const Case cases[] = {
      {"28P01", "PASSWORD_REFUSED", kAuth, false, "`password`"},
      {"28000", "LOGIN_REFUSED", kAuth, false, "pg_hba.conf"},
      {"3D000", "DATABASE_MISSING", kConfig, false, "`database`"},
      {"42P01", "TABLE_MISSING", kSchema, false, "`schema`"},
      {"42501", "PERMISSION_DENIED", kPermission, false, "GRANT"},
      {"53300", "TOO_MANY_CONNECTIONS", kTransientDb, true, "max_connections"},
      {"57P03", "SERVER_NOT_READY", kTransientDb, true, "starting"},
      {"57P01", "SESSION_ENDED", kTransientDb, true, "administrator"},
      {"40001", "SERIALIZATION_FAILURE", kTransientDb, true, ""},
      {"40P01", "DEADLOCK", kTransientDb, true, "locked"},
      {"53100", "DISK_FULL", kTransientDb, false, "free space"},
      {"25006", "READ_ONLY", kConfig, false, "primary"},
      {"57014", "QUERY_CANCELED", kTransientDb, false, "statement_timeout"},
      {"23502", "CONSTRAINT_VIOLATED", kData, false, ""},
      {"22003", "VALUE_REFUSED", kData, false, ""},
      {"42803", "SQL_REFUSED", kSchema, false, ""},
      {"XX000", "SERVER_ERROR", kInternal, false, ""},
      {"", "SERVER_ERROR", kInternal, false, ""},
  };
  for (const Case& expected : cases) {
    ServerError error;
    error.sqlstate = expected.sqlstate;
    error.message = "the server's words";
    const sdk::Status status = to_status(error, "doing it");
    EXPECT_EQ(status.error().code, expected.code) << expected.sqlstate;
    EXPECT_EQ(status.error().category, expected.category) << expected.sqlstate;
    EXPECT_EQ(status.error().retryable, expected.retryable) << expected.sqlstate;
    EXPECT_THAT(status.error().message, HasSubstr("doing it: the server's words")) << expected.sqlstate;
    EXPECT_THAT(status.error().message, HasSubstr(expected.advice)) << expected.sqlstate;
    EXPECT_THAT(status.error().message, Not(HasSubstr(".."))) << expected.sqlstate;
    EXPECT_EQ(sqlstate_of(status.error()), expected.sqlstate);
  }
}

TEST(ServerErrorTest, ErrorsFromElsewhereHaveNoSqlstate) {
  EXPECT_EQ(sqlstate_of(sdk::internal_error("X", "y").error()), "");
  sdk::Error error;
  error.details_json = "not JSON";
  EXPECT_EQ(server_error_of(error), std::nullopt);
}

TEST(ServerErrorTest, OnlyCopysContextHasALine) {
  const std::pair<const char*, std::optional<uint64_t>> cases[] = {
      {"COPY orders, line 17", 17},
      {"COPY orders, line 9, column price: \"x\"", 9},
      {"PL/pgSQL function f() line 3 at RAISE", std::nullopt},
      {"COPY orders, line", std::nullopt},
      {"", std::nullopt}};
  for (const auto& [where, line] : cases) {
    ServerError error;
    error.where = where;
    EXPECT_EQ(error.copy_line(), line) << where;
  }
}

}  // namespace
}  // namespace rapidbyte::postgres
