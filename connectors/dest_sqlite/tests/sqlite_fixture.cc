#include "tests/sqlite_fixture.h"

#include <stdlib.h>

namespace rapidbyte::dest_sqlite {

SqliteTest::SqliteTest() {
  std::string pattern = (std::filesystem::temp_directory_path() / "dest-sqlite-XXXXXX").string();
  folder_ = mkdtemp(pattern.data());
}

SqliteTest::~SqliteTest() {
  std::error_code ignored;
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_all, ignored);
  std::filesystem::remove_all(folder_, ignored);
}

std::unique_ptr<sdk::DestinationConnector> SqliteTest::open(const Json& config) {
  Json whole = config;
  if (!whole.contains("path")) whole["path"] = path();
  auto destination = sdk::make_destination();
  const Status status = destination->open(sdk::to_text(whole));
  EXPECT_TRUE(status.ok()) << status.to_string();
  return destination;
}

Json SqliteTest::context(const std::string& stream, const Schema& schema, const Json& write_mode) {
  Json ctx = sdk::testing::make_context(stream, schema);
  ctx["write_mode"] = write_mode;
  return ctx;
}

SqliteTest::Outcome SqliteTest::load(const Json& context, const std::vector<std::vector<uint8_t>>& batches,
                                     const Json& config) {
  FakeHost around;  // for calls after the stream
  auto destination = open(config);
  Outcome outcome = serve(*destination, context, batches);
  const auto committed = destination->last_committed(sdk::to_text(context));
  EXPECT_TRUE(committed.ok() || !outcome.status.ok());
  if (committed.ok()) outcome.last_committed = committed->value_or("");
  const Status closed = destination->close();
  EXPECT_TRUE(closed.ok()) << closed.to_string();
  for (const auto& line : around.logs()) outcome.logs.push_back(line.message);
  return outcome;
}

SqliteTest::Outcome SqliteTest::serve(sdk::DestinationConnector& destination, const Json& context,
                                      const std::vector<std::vector<uint8_t>>& batches) {
  FakeHost host;
  host.load_id = context["load_id"].get<std::string>();
  int64_t marker = 0;
  for (const auto& batch : batches) {
    host.push_batch(batch);
    host.push_marker({{"id", "c" + std::to_string(++marker)}, {"kind", "source"}, {"stream", context["stream_name"]}});
  }
  host.push_end_marker();
  return serve(destination, host, context);
}

SqliteTest::Outcome SqliteTest::serve(sdk::DestinationConnector& destination, FakeHost& host, const Json& context) {
  const std::string text = sdk::to_text(context);
  Outcome outcome;
  outcome.status = destination.begin_stream(text);
  if (outcome.status.ok()) {
    auto summary = destination.run_write(text);
    outcome.status = summary.status();
    if (summary.ok()) outcome.summary = *summary;
    const Status finished = destination.finish_stream(text, summary.ok());
    if (outcome.status.ok()) outcome.status = finished;
  }
  outcome.dlq = host.dlq();
  for (const auto& line : host.logs()) outcome.logs.push_back(line.message);
  return outcome;
}

void SqliteTest::sql(const std::string& text) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, &message), SQLITE_OK) << text << ": " << message;
  sqlite3_free(message);
  sqlite3_close(db);
}

Lines SqliteTest::query(const std::string& text) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
  sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", nullptr, nullptr, nullptr);  // for databases in WAL mode
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(db, text.c_str(), -1, &statement, nullptr), SQLITE_OK)
      << text << ": " << sqlite3_errmsg(db);
  Lines lines;
  while (statement != nullptr && sqlite3_step(statement) == SQLITE_ROW) {
    std::string line;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      if (i != 0) line += '|';
      sqlite3_value* value = sqlite3_column_value(statement, i);
      switch (sqlite3_value_type(value)) {
        case SQLITE_NULL: line += "NULL"; break;
        case SQLITE_TEXT: {
          const std::string content(reinterpret_cast<const char*>(sqlite3_value_text(value)),
                                    static_cast<size_t>(sqlite3_value_bytes(value)));
          line += "'" + content + "'";
          break;
        }
        case SQLITE_BLOB: {
          line += "X'";
          const auto* bytes = static_cast<const uint8_t*>(sqlite3_value_blob(value));
          for (int b = 0; b < sqlite3_value_bytes(value); ++b) {
            char hex[3];
            std::snprintf(hex, sizeof(hex), "%02x", bytes[b]);
            line += hex;
          }
          line += "'";
          break;
        }
        default: line += reinterpret_cast<const char*>(sqlite3_value_text(value));
      }
    }
    lines.push_back(line);
  }
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return lines;
}

Lines SqliteTest::table(const std::string& name, const std::string& order) {
  return query("SELECT * FROM \"" + name + "\" ORDER BY " + order);
}

std::string SqliteTest::integrity() {
  const Lines lines = query("PRAGMA integrity_check");
  return lines == Lines{"'ok'"} ? "ok" : lines.empty() ? "no answer" : lines.front();
}

}  // namespace rapidbyte::dest_sqlite
