// Whole runs of the connector: from files to batches, checkpoints and rejected records.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_support.h"

namespace rapidbyte::source_file::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string types_of(const RunResult& result) {
  std::string out;
  for (const sdk::Field& field : result.schema.fields)
    out += (out.empty() ? "" : ", ") + field.name + " " + field.type.name();
  return out;
}

TEST(SourceTest, ACsvFileBecomesTypedRows) {
  const TempFolder folder;
  folder.write(
      "data.csv",
      "id,zip,name,amount,ratio,ok,day,at,utc,note\r\n"
      "1,01234,Ann,12.50,1e5,true,2024-02-29,2024-01-01 10:00:00,2024-01-01T10:00:00+01:00,\"a, \"\"b\"\"\"\r\n"
      "1234567890123456789,99999,,-0.01,Infinity,FALSE,1969-12-31,1969-12-31T23:59:59.999999,2024-01-01T10:00:00Z,"
      "\"\"\r\n");
  const RunResult got = run(folder.path());
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(types_of(got),
            "id Int64, zip Utf8, name Utf8, amount Decimal128(38, 2), ratio Float64, ok Boolean, day Date32, "
            "at Timestamp(Microsecond, None), utc Timestamp(Microsecond, Some(\"UTC\")), note Utf8");
  ASSERT_EQ(got.rows.size(), 2U);
  const std::vector<std::string> first(got.rows[0].begin(), got.rows[0].begin() + 4);
  EXPECT_EQ(first, (std::vector<std::string>{"1", "\"01234\"", "\"Ann\"", "\"12.50\""}));
  EXPECT_EQ(got.rows[0][5], "true");
  EXPECT_THAT(got.rows[0][6], HasSubstr("2024-02-29"));
  EXPECT_THAT(got.rows[0][8], HasSubstr("09:00:00"));
  EXPECT_EQ(got.rows[0][9], "\"a, \\\"b\\\"\"");
  EXPECT_EQ(got.rows[1][0], "1234567890123456789");
  EXPECT_EQ(got.rows[1][2], "null") << "an empty unquoted field is null";
  EXPECT_EQ(got.rows[1][3], "\"-0.01\"");
  EXPECT_EQ(got.rows[1][9], "\"\"") << "a quoted empty field is the empty text";
  EXPECT_EQ(got.summary.records_read, 2U);
  EXPECT_EQ(got.summary.batches_emitted, 1U);
}

TEST(SourceTest, HeaderNamesAreMadeUnique) {
  const TempFolder folder;
  folder.write("data.csv", "a,,a,column_2,a_2\n1,2,3,4,5\n");
  EXPECT_EQ(types_of(run(folder.path())), "a Int64, column_2_2 Int64, a_3 Int64, column_2 Int64, a_2 Int64");
  folder.write("data.csv", "1,2\n3,4\n");
  RunOptions options;
  options.stream = {{"header", false}};
  const RunResult got = run(folder.path(), options);
  EXPECT_EQ(types_of(got), "column_1 Int64, column_2 Int64");
  EXPECT_EQ(got.rows.size(), 2U);
}

TEST(SourceTest, NullRulesAreWhatTheOptionsSay) {
  const TempFolder folder;
  folder.write("data.csv", "t,n\nNA,1\n\"NA\",NA\n,\n\"\",2\n");
  RunResult got = run(folder.path());
  EXPECT_EQ(types_of(got), "t Utf8, n Utf8") << "NA is text unless it is listed";
  RunOptions options;
  options.config = {{"null_values", {"NA"}}};
  got = run(folder.path(), options);
  EXPECT_EQ(types_of(got), "t Utf8, n Int64");
  EXPECT_EQ(got.rows, (Table{{"null", "1"}, {"\"NA\"", "null"}, {"null", "null"}, {"\"\"", "2"}}));
  options.config["quoted_nulls"] = true;
  EXPECT_EQ(run(folder.path(), options).rows,
            (Table{{"null", "1"}, {"null", "null"}, {"null", "null"}, {"null", "2"}}));
  options.config = {{"empty_is_null", false}};
  EXPECT_EQ(run(folder.path(), options).rows[2], (std::vector<std::string>{"\"\"", "\"\""}));
}

TEST(SourceTest, OverridesWinOverInferenceAndMustNameAColumn) {
  const TempFolder folder;
  folder.write("data.csv", "a,b,c,d\n007,1,31.12.2024,1\n+8,0,1.2.2024,\n");
  RunOptions options;
  options.stream = {
      {"columns",
       {{"a", "Int32"}, {"b", "boolean"}, {"c", {{"type", "date"}, {"format", "%d.%m.%Y"}}}, {"d", "text"}}}};
  RunResult got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(types_of(got), "a Int32, b Boolean, c Date32, d Utf8");
  EXPECT_EQ(got.rows[0][0], "7");
  EXPECT_EQ(got.rows[1][0], "8");
  EXPECT_EQ(got.rows[0][1], "true");
  EXPECT_THAT(got.rows[1][2], HasSubstr("2024-02-01"));
  EXPECT_EQ(got.rows[0][3], "\"1\"");
  options.stream = {{"columns", {{"nope", "text"}}}};
  got = run(folder.path(), options);
  EXPECT_EQ(got.status.error().code, "COLUMN_NOT_FOUND");
  EXPECT_THAT(got.status.error().message, HasSubstr("a, b, c, d"));
}

TEST(SourceTest, AContradictingValueFailsWithItsPlace) {
  const TempFolder folder;
  folder.write("data.csv", "id,\"the\nname\"\n1,\"x\ny\"\n2,z\noops,w\n");
  RunOptions options;
  options.stream = {{"columns", {{"id", "integer"}}}};
  const RunResult got = run(folder.path(), options);
  ASSERT_FALSE(got.status.ok());
  EXPECT_EQ(got.status.error().code, "WRONG_TYPE");
  EXPECT_EQ(got.status.error().category, sdk::ErrorCategory::kData);
  for (const char* part : {"data.csv", "line 6", "'id'", "'oops'", "Int64", "columns", "on_data_error"}) {
    EXPECT_THAT(got.status.error().message, HasSubstr(part));
  }
}

TEST(SourceTest, SkipAndDlqKeepTheOtherRowsAndCount) {
  const TempFolder folder;
  std::string text = "id,name\n";
  Table expected;
  uint64_t bad = 0;
  for (int i = 0; i < 5000; ++i) {
    if (i % 7 == 3) {
      text += i % 2 == 0 ? "x" + std::to_string(i) + ",\"n\"\"\"\n" : "1,2,3\n";
      ++bad;
    } else {
      text += std::to_string(i) + ",n" + std::to_string(i) + "\n";
      expected.push_back({std::to_string(i), "\"n" + std::to_string(i) + "\""});
    }
  }
  folder.write("data.csv", text);
  RunOptions options;
  options.stream = {{"columns", {{"id", "integer"}}}};
  options.on_data_error = "skip";
  RunResult got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(got.rows, expected);
  EXPECT_EQ(got.summary.records_read, 5000U);
  EXPECT_EQ(got.summary.records_skipped, bad);
  EXPECT_TRUE(got.dlq.empty());
  EXPECT_THAT(got.warnings.back(), HasSubstr(std::to_string(bad)));

  options.on_data_error = "dlq";
  got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(got.rows, expected);
  ASSERT_EQ(got.dlq.size(), bad);
  EXPECT_EQ(got.dlq[0].record_json, R"({"_raw":"1,2,3","id":"1","name":"2"})");
  EXPECT_EQ(got.dlq[1].record_json, R"({"id":"x10","name":"n\""})");
  EXPECT_EQ(got.dlq[0].error_category, "data");
  EXPECT_THAT(got.dlq[0].error_message, HasSubstr("line 5"));
}

TEST(SourceTest, ARecordThatIsNotUtf8ReachesTheDlqByteForByte) {
  const TempFolder folder;
  folder.write("data.csv", "a,b\n1,x\n2,\xE4\n3,z\n");
  RunOptions options;
  options.on_data_error = "dlq";
  const RunResult got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(got.rows, (Table{{"1", "\"x\""}, {"3", "\"z\""}}));
  ASSERT_EQ(got.dlq.size(), 1U);
  EXPECT_EQ(got.dlq[0].record_json, R"({"_raw_base64":"Mizk"})");
  EXPECT_THAT(got.dlq[0].error_message, HasSubstr("line 3, column 'b'"));
}

TEST(SourceTest, LaterValuesAreHeldToTheInferredType) {
  struct Case {
    const char* sample;
    const char* later;
  };
  // The spelling or digits that the type would lose are a contradiction, not a conversion.
  const Case cases[] = {{"5", "007"},
                        {"5", "+6"},
                        {"5", "5.0"},
                        {"1.50", "1.505"},
                        {"1e5", "0.1234567890123456789"},
                        {"true", "1"},
                        {"2024-01-01", "2024-02-30"},
                        {"2024-01-01T10:00:00", "2024-01-01T10:00:00Z"},
                        {"2024-01-01T10:00:00", "2024-01-01T10:00:00.1234567"},
                        {"5", "\"\""},
                        {"5", "NA"}};
  const TempFolder folder;
  for (const Case& c : cases) {
    std::string text = "a,b\n";
    for (int i = 0; i < 20000; ++i) text += std::string(c.sample) + ",x\n";
    folder.write("data.csv", text + c.later + ",y\n");
    RunOptions options;
    options.config = {{"sample_rows", 100}};
    const RunResult got = run(folder.path(), options);
    ASSERT_FALSE(got.status.ok()) << c.later;
    EXPECT_EQ(got.status.error().code, "WRONG_TYPE") << c.later;
    EXPECT_THAT(got.status.error().message, HasSubstr("line 20002")) << c.later;
  }
}

TEST(SourceTest, NdjsonBecomesTypedRows) {
  const TempFolder folder;
  folder.write("data.ndjson",
               "{\"id\":1,\"amount\":1.10,\"big\":12345678901234567890,\"f\":1e3,\"s\":\"5\",\"d\":\"2024-01-01\","
               "\"n\":{\"x\":[1]}}\n"
               "{\"id\":2,\"ok\":true,\"amount\":3,\"n\":null,\"mixed\":1}\n"
               "{\"mixed\":\"t\\u00e4\",\"id\":3}\n");
  const RunResult got = run(folder.path());
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(types_of(got),
            "id Int64, amount Decimal128(38, 2), big Decimal128(38, 0), f Float64, s Utf8, d Date32, n Utf8, ok "
            "Boolean, mixed Utf8");
  ASSERT_EQ(got.rows.size(), 3U);
  EXPECT_EQ(got.rows[0][1], "\"1.10\"");
  EXPECT_EQ(got.rows[0][2], "\"12345678901234567890\"");
  EXPECT_EQ(got.rows[0][6], "\"{\\\"x\\\":[1]}\"");
  EXPECT_EQ(got.rows[1][1], "\"3.00\"");
  EXPECT_EQ(got.rows[1][7], "true");
  EXPECT_EQ(got.rows[1][8], "\"1\"");
  EXPECT_EQ(got.rows[2][8], "\"t\xC3\xA4\"");
  EXPECT_EQ(got.rows[2][1], "null");
}

TEST(SourceTest, NdjsonProblemsFollowThePolicy) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "{\"id\":" + std::to_string(i) + "}\n";
  folder.write("data.ndjson", text + "{\"id\":1,\"later\":2}\n{\"id\":\n{\"id\":\"x\"}\n{\"id\":7}\n");
  RunOptions options;
  options.stream = {{"columns", {{"id", "integer"}}}};
  options.on_data_error = "dlq";
  RunResult got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(got.summary.records_read, 204U);
  EXPECT_EQ(got.summary.records_skipped, 2U);
  ASSERT_EQ(got.dlq.size(), 2U);
  EXPECT_EQ(got.dlq[0].record_json, R"({"_raw":"{\"id\":"})");
  EXPECT_EQ(got.dlq[1].record_json, R"({"id":"x"})");
  EXPECT_EQ(got.rows.back()[0], "7");

  std::string many;
  for (int i = 0; i < 200'000; ++i) many += "{\"id\":1}\n";
  folder.write("data.ndjson", many + "{\"id\":1,\"later\":2}\n");
  options = RunOptions();
  got = run(folder.path(), options);
  ASSERT_FALSE(got.status.ok());
  EXPECT_EQ(got.status.error().code, "UNKNOWN_KEY");
  EXPECT_THAT(got.status.error().message, HasSubstr("'later'"));
  EXPECT_THAT(got.status.error().message, HasSubstr("line 200001"));
}

TEST(SourceTest, CompressedFilesReadLikePlainOnes) {
  const TempFolder folder;
  std::string text = "id,name\n";
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i) + ",name " + std::to_string(i * 7) + "\n";
  const size_t half = text.size() / 2;
  folder.write("plain/data.csv", text);
  const RunResult plain = run(folder.path() + "/plain");
  ASSERT_TRUE(plain.status.ok()) << plain.status.to_string();
  ASSERT_EQ(plain.rows.size(), 20'000U);
  folder.write("gz/data.csv.gz", gzip(text));
  folder.write("members/data.csv.gz",
               gzip(text.substr(0, half)) + gzip("") + gzip(text.substr(half)) + std::string(512, '\0'));
  folder.write("zst/data.csv.zst", zstd(text));
  folder.write("frames/data.csv.zst", zstd(text.substr(0, half)) + zstd(text.substr(half)));
  folder.write("magic/data.csv", gzip(text));
  for (const char* kind : {"gz", "members", "zst", "frames", "magic"}) {
    const RunResult got = run(folder.path() + "/" + kind);
    ASSERT_TRUE(got.status.ok()) << kind << ": " << got.status.to_string();
    EXPECT_EQ(got.rows, plain.rows) << kind;
  }
}

TEST(SourceTest, DamagedCompressedFilesAreErrors) {
  const TempFolder folder;
  std::string text = "id,name\n";
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i) + ",name " + std::to_string(i * 7919 % 65537) + "\n";
  const std::string gz = gzip(text);
  const std::string zst = zstd(text);
  std::string flipped = gz;
  flipped[flipped.size() - 5] = static_cast<char>(flipped[flipped.size() - 5] ^ 0x55);
  struct Case {
    const char* name;
    std::string content;
    const char* code;
  };
  const Case cases[] = {
      {"data.csv.gz", gz.substr(0, gz.size() / 2), "COMPRESSED_DATA_TRUNCATED"},
      {"data.csv.gz", gz.substr(0, gz.size() - 1), "COMPRESSED_DATA_TRUNCATED"},
      {"data.csv.gz", flipped, "COMPRESSED_DATA_CORRUPT"},
      {"data.csv.gz", gz + "garbage", "COMPRESSED_DATA_CORRUPT"},
      {"data.csv.gz", text, "COMPRESSION_MISMATCH"},
      {"data.csv.gz", "", "COMPRESSION_MISMATCH"},
      {"data.csv.zst", zst.substr(0, zst.size() / 2), "COMPRESSED_DATA_TRUNCATED"},
      {"data.csv.zst", zst.substr(0, zst.size() - 1), "COMPRESSED_DATA_TRUNCATED"},
      {"data.csv.zst", zst + "garbage", "COMPRESSED_DATA_CORRUPT"},
  };
  for (const Case& c : cases) {
    const std::string path = folder.write(c.name, c.content);
    const RunResult got = run(folder.path());
    ASSERT_FALSE(got.status.ok()) << c.name << " " << c.code;
    EXPECT_EQ(got.status.error().code, c.code) << c.name;
    EXPECT_THAT(got.status.error().message, HasSubstr(c.name));
    std::filesystem::remove(path);
  }
}

TEST(SourceTest, AParquetFileIsNamedAsWhatItIs) {
  const TempFolder folder;
  const std::string parquet = std::string("PAR1") + std::string(20, '\0') + "PAR1";
  const auto message = [&] {
    const RunResult got = run(folder.path());
    return got.status.ok() ? std::string("read") : got.status.error().code + ": " + got.status.error().message;
  };
  folder.write("data.parquet", parquet);
  EXPECT_THAT(message(), AllOf(HasSubstr("FILE_NOT_FOUND"), HasSubstr("rapidbyte/source-parquet")));
  folder.write("data.csv", parquet);
  EXPECT_THAT(message(), AllOf(HasSubstr("FORMAT_UNKNOWN"), HasSubstr("rapidbyte/source-parquet")));
  folder.write("data.csv", "PAR1,b\n1,2\n");
  EXPECT_EQ(message(), "read") << "a column may have this name";
}

TEST(SourceTest, GlobsReadAllFilesInOrderAndMapColumnsByName) {
  const TempFolder folder;
  folder.write("in/2024/b.csv", "b,a\nx,2\n");
  folder.write("in/2024/a.csv", "a,b\n1,w\n");
  folder.write("in/2025/c.csv", "a,c\n3,true\n");
  folder.write("in/2025/empty.csv", "");
  folder.write("in/2025/.hidden.csv", "z\n1\n");
  RunOptions options;
  options.stream = {{"path", "in/**/*.csv"}};
  const RunResult got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(types_of(got), "a Int64, b Utf8, c Boolean");
  EXPECT_EQ(got.rows, (Table{{"1", "\"w\"", "null"}, {"2", "\"x\"", "null"}, {"3", "null", "true"}}));

  options.stream = {{"path", "in/2024/*.csv"}, {"sample_files", 1}};
  EXPECT_EQ(run(folder.path(), options).rows.size(), 2U);
  options.stream = {{"path", "in/*/[bc].csv"}, {"sample_files", 1}};
  const RunResult changed = run(folder.path(), options);
  ASSERT_FALSE(changed.status.ok());
  EXPECT_EQ(changed.status.error().code, "SCHEMA_CHANGED");
  EXPECT_THAT(changed.status.error().message, HasSubstr("'c'"));
}

TEST(SourceTest, FilesBehindLinksAreReadOnceOrAreAnError) {
  const TempFolder folder;
  folder.write("in/2024/a.csv", "a\n1\n");
  folder.write("in/2024/b.csv", "a\n2\n");
  const std::filesystem::path in = std::filesystem::path(folder.path()) / "in";
  std::filesystem::create_directory_symlink("2024", in / "latest");
  std::filesystem::create_directory_symlink(".", in / "loop");
  RunOptions options;
  options.stream = {{"path", "in/**/*.csv"}};
  EXPECT_EQ(run(folder.path(), options).rows, (Table{{"1"}, {"2"}})) << "** does not go through links";
  options.stream = {{"path", "in/latest/*.csv"}};
  EXPECT_EQ(run(folder.path(), options).rows, (Table{{"1"}, {"2"}})) << "a link that is named is followed";

  std::filesystem::create_symlink("nowhere", in / "2024" / "c.csv");
  for (const char* path : {"in/2024/*.csv", "in/2024/c.csv", "in/**/*.csv"}) {
    options.stream = {{"path", path}};
    const RunResult got = run(folder.path(), options);
    ASSERT_FALSE(got.status.ok()) << path;
    EXPECT_EQ(got.status.error().code, "FILE_UNREADABLE") << path;
    EXPECT_THAT(got.status.error().message, HasSubstr("c.csv")) << path;
  }
  options.stream = {{"path", "in/2024/[ab].csv"}};
  EXPECT_EQ(run(folder.path(), options).rows.size(), 2U) << "what is not asked for may be broken";
}

TEST(SourceTest, FilesDeeperThanTheLimitAreAnError) {
  const TempFolder folder;
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += "x/";
  folder.write(deep + "a.csv", "a\n1\n");
  RunOptions options;
  options.stream = {{"path", "**/*.csv"}};
  const RunResult got = run(folder.path(), options);
  ASSERT_FALSE(got.status.ok());
  EXPECT_EQ(got.status.error().code, "FOLDER_TOO_DEEP");
}

TEST(SourceTest, WrongPathsAndConfigsSayHowToFixThem) {
  const TempFolder folder;
  folder.write("data.csv", "a\n1\n");
  folder.write("twice.csv", "a\n1\n");
  folder.write("twice.csv.gz", gzip("a\n1\n"));
  folder.write("odd.dat", "a\n1\n");
  struct Case {
    const char* name;
    sdk::Json config;
    sdk::Json stream;
    const char* code;
    const char* part;
  };
  const sdk::Json none = sdk::Json::object();
  const Case cases[] = {
      {"missing", none, none, "FILE_NOT_FOUND", "missing.csv"},
      {"twice", none, none, "AMBIGUOUS_FILE", "twice.csv.gz"},
      {"x", none, {{"path", "no*.csv"}}, "NO_FILES", "data.csv"},
      {"x", none, {{"path", "/etc/passwd"}}, "INVALID_PATH", "relative"},
      {"x", none, {{"path", "a/../../b.csv"}}, "INVALID_PATH", "leaves"},
      {"x", none, {{"path", "odd.dat"}}, "FORMAT_UNKNOWN", "odd.dat"},
      {"data", {{"delimiter", "ab"}}, none, "INVALID_CONFIG", "delimiter"},
      {"data", {{"delimeter", ";"}}, none, "INVALID_CONFIG", "delimiter"},
      {"data", none, {{"colums", none}}, "INVALID_CONFIG", "columns"},
      {"data", none, {{"columns", {{"a", "varchar"}}}}, "INVALID_CONFIG", "varchar"},
      {"data", {{"encoding", "latin1"}}, none, "INVALID_CONFIG", "utf-8"},
      {"data", {{"date_format", "%q"}}, none, "INVALID_CONFIG", "%q"},
      {"data", {{"quote", ","}}, none, "INVALID_CONFIG", "differ"},
  };
  for (const Case& c : cases) {
    RunOptions options;
    options.name = c.name;
    options.config = c.config;
    options.stream = c.stream;
    const RunResult got = run(folder.path(), options);
    ASSERT_FALSE(got.status.ok()) << c.name << " " << c.code;
    EXPECT_EQ(got.status.error().code, c.code) << got.status.to_string();
    EXPECT_THAT(got.status.error().message, HasSubstr(c.part));
  }
  RunOptions options;
  EXPECT_EQ(run(folder.path() + "/nowhere", options).status.error().code, "FOLDER_NOT_READABLE");
}

TEST(SourceTest, BatchesComeNearTheirTargetAndNeverAboveIt) {
  const TempFolder folder;
  std::string text = "id,text\n";
  for (int i = 0; i < 50'000; ++i)
    text += std::to_string(i) + "," + std::string(static_cast<size_t>(i % 300), 'x') + "\n";
  folder.write("data.csv", text);
  for (const uint64_t target : {uint64_t{16} << 10U, uint64_t{256} << 10U, uint64_t{1} << 20U}) {
    RunOptions options;
    options.max_batch_bytes = target;
    const RunResult got = run(folder.path(), options);
    ASSERT_TRUE(got.status.ok()) << got.status.to_string();
    ASSERT_EQ(got.rows.size(), 50'000U);
    for (size_t i = 0; i < got.batch_bytes.size(); ++i) {
      EXPECT_LE(got.batch_bytes[i], target);
      if (i + 1 < got.batch_bytes.size()) {
        EXPECT_GE(got.batch_bytes[i], target / 2);
      }
    }
  }
}

TEST(SourceTest, ARecordLargerThanABatchIsReadAndOneOverTheCapIsNot) {
  const TempFolder folder;
  const std::string huge(300'000, 'x');
  folder.write("data.csv", "id,text\n1,a\n2,\"" + huge + "\"\n3,c\n");
  RunOptions options;
  options.max_batch_bytes = 16 << 10;
  RunResult got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(got.rows, (Table{{"1", "\"a\""}, {"2", "\"" + huge + "\""}, {"3", "\"c\""}}));
  options.max_record_bytes = 1000;
  options.on_data_error = "dlq";
  got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(got.rows.size(), 2U);
  ASSERT_EQ(got.dlq.size(), 1U);
  EXPECT_THAT(got.dlq[0].error_message, HasSubstr("line 3"));
  EXPECT_THAT(got.dlq[0].record_json, HasSubstr("\"_truncated\":true"));
  EXPECT_LT(got.dlq[0].record_json.size(), 2000U);
}

TEST(SourceTest, FilesOfOtherHabitsAreReadByTheirOptions) {
  const TempFolder folder;
  folder.write("data.csv", "made by a tool\r\n\r\nday;amount;ok\r\n31.12.2024;1,50;true\r\n1.2.2025;-,5 ;false\r\n");
  RunOptions options;
  options.config = {
      {"delimiter", ";"}, {"decimal_point", ","}, {"date_format", "%d.%m.%Y"}, {"skip_lines", 2}, {"trim", true}};
  RunResult got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(types_of(got), "day Date32, amount Decimal128(38, 2), ok Boolean");
  ASSERT_EQ(got.rows.size(), 2U);
  EXPECT_EQ(got.rows[1][1], "\"-0.50\"");
  EXPECT_THAT(got.rows[0][0], HasSubstr("2024-12-31"));

  folder.write("data.csv", "a\tb\n1\n1\t2\t3\n");
  options.config = {{"delimiter", "\\t"}, {"ragged", "pad_and_drop"}};
  got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(got.rows, (Table{{"1", "null"}, {"1", "2"}}));
  ASSERT_EQ(got.warnings.size(), 1U) << "what was dropped is said";
  EXPECT_THAT(got.warnings[0], HasSubstr("1 records"));
}

TEST(SourceTest, AnErrorOfTheHostEndsTheRun) {
  const TempFolder folder;
  folder.write("data.csv", "id\n1\n");
  RunOptions options;
  options.fail_emit = 1;
  EXPECT_EQ(run(folder.path(), options).status.error().code, "CHANNEL_SEND");
}

TEST(SourceTest, AnEmptyTableHasColumnsAndAFinalCheckpoint) {
  const TempFolder folder;
  folder.write("data.csv", "a,b\n");
  const RunResult got = run(folder.path());
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(types_of(got), "a Utf8, b Utf8");
  EXPECT_TRUE(got.rows.empty());
  EXPECT_EQ(got.checkpoints.size(), 1U);
  folder.write("data.csv", "");
  EXPECT_EQ(run(folder.path()).status.error().code, "NO_COLUMNS");
}

TEST(SourceTest, NdjsonWithoutASingleRecordSaysWhichLineIsWrongAndWhy) {
  struct Case {
    std::string text;
    const char* says[3];
  };
  const Case cases[] = {
      {"[\n{\"a\": 1},\n{\"a\": 2},\n]\n", {"line 1", "an array", "jq -c '.[]'"}},
      {"[{\"a\": 1}, {\"a\": 2}]", {"line 1", "an array", "jq -c '.[]'"}},
      {"\n{\n  \"a\": 1\n}\n", {"line 2", "a key was expected", "jq -c ."}},
      {"id,name\n1,x\n", {"line 1", "an object was expected", "format to csv"}},
      {"{\"a\": \"\\uD834\"}\n", {"line 1", "surrogate escape stands alone", "come in pairs"}},
      {"{\"a\": 1,}\n", {"line 1", "a key was expected", "Correct the line"}},
      {"17\n", {"line 1", "an object was expected", "one object"}},
      {"{\"a\": \"\xff\"}\n", {"line 1", "not valid UTF-8", "iconv"}},
  };
  for (const Case& c : cases) {
    for (const char* policy : {"fail", "skip", "dlq"}) {
      const TempFolder folder;
      folder.write("data.ndjson", c.text);
      RunOptions options;
      options.on_data_error = policy;
      const RunResult got = run(folder.path(), options);
      ASSERT_FALSE(got.status.ok()) << c.text;
      EXPECT_EQ(got.status.error().code, "NO_COLUMNS");
      EXPECT_THAT(got.status.error().message, HasSubstr("'data.ndjson'"));
      for (const char* text : c.says) EXPECT_THAT(got.status.error().message, HasSubstr(text)) << c.text;
    }
  }
}

TEST(SourceTest, KeysOfABrokenLineMakeNoColumns) {
  const TempFolder folder;
  folder.write("data.ndjson", "{\"a\": 1, \"x\": 2, nonsense\n{\"a\": 2}\n");
  RunOptions options;
  options.on_data_error = "skip";
  const RunResult got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(got.schema.size(), 1U);
  EXPECT_EQ(got.summary.records_skipped, 1U);
}

TEST(SourceTest, AColumnNameThatNoTableCanHaveIsRefusedAndNotCut) {
  for (const auto& [file, text] :
       {std::pair<const char*, std::string>{"data.csv", std::string("id,price\0old\n1,2\n", 17)},
        {"data.ndjson", R"({"id": 1, "price\u0000old": 2})"},
        {"data.ndjson", R"({"id": 1, "": 2})"},
        {"data.csv", "id," + std::string(5000, 'x') + "\n1,2\n"}}) {
    const TempFolder folder;
    folder.write(file, text);
    const RunResult got = run(folder.path());
    ASSERT_FALSE(got.status.ok()) << file;
    EXPECT_EQ(got.status.error().code, "INVALID_COLUMN_NAME");
    EXPECT_THAT(got.status.error().message, HasSubstr(file));
  }
}

TEST(SourceTest, APathIsNotCutAtANul) {
  const TempFolder folder;
  folder.write("data.csv", "id\n1\n");
  RunOptions options;
  options.stream = {{"path", std::string("data.csv\0x", 10)}};
  EXPECT_EQ(run(folder.path(), options).status.error().code, "INVALID_PATH");
  options.stream = sdk::Json::object();
  options.name = std::string("data.csv\0x", 10);
  EXPECT_EQ(run(folder.path(), options).status.error().code, "FILE_NOT_FOUND");
}

TEST(SourceTest, ADelimiterThatWasForgottenIsPointedOut) {
  const TempFolder folder;
  folder.write("data.csv", "a;b\n1;2\n");
  const RunResult got = run(folder.path());
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  ASSERT_FALSE(got.warnings.empty());
  EXPECT_THAT(got.warnings[0], HasSubstr("option delimiter"));
}

TEST(SourceTest, DiscoverWithoutStreamsListsTheFolder) {
  const TempFolder folder;
  folder.write("b.ndjson.gz", gzip("{\"x\":1}\n"));
  folder.write("a.csv", "x\n1\n");
  folder.write("readme.md", "x");
  folder.write("empty.csv", "");
  sdk::testing::FakeHost host;
  FileSource source;
  ASSERT_TRUE(source.open({{"folder", folder.path()}}).ok());
  const auto catalog = source.discover();
  ASSERT_TRUE(catalog.ok()) << catalog.status().to_string();
  ASSERT_EQ(catalog->streams.size(), 2U);
  EXPECT_EQ(catalog->streams[0].name, "a");
  EXPECT_EQ(catalog->streams[1].name, "b");
  EXPECT_EQ(source.validate()->kind, sdk::Validation::Kind::kSuccess);
  // A link that leads to nothing does not matter, unless it is named as data.
  const std::filesystem::path root(folder.path());
  std::filesystem::create_symlink("nowhere", root / "current");
  EXPECT_TRUE(source.discover().ok());
  std::filesystem::create_symlink("nowhere", root / "d.csv");
  EXPECT_EQ(source.discover().status().error().code, "FILE_UNREADABLE");
  FileSource lost;
  ASSERT_TRUE(lost.open({{"folder", folder.path()}, {"streams", sdk::Json::array({{{"name", "c"}}})}}).ok());
  EXPECT_EQ(lost.validate()->kind, sdk::Validation::Kind::kFailed);
}

}  // namespace
}  // namespace rapidbyte::source_file::testing
