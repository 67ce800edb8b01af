// Going on after an interrupted run, and incremental reads: exactly the rows that are left, or a clear refusal.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_support.h"

namespace rapidbyte::source_file::testing {
namespace {

using ::testing::HasSubstr;

TEST(ResumeTest, a_run_resumed_at_any_checkpoint_reads_exactly_the_rest) {
  const TempFolder folder;
  for (int file = 0; file < 3; ++file) {
    std::string text = "id,text\n";
    for (int i = 0; i < 4000; ++i) {
      text += std::to_string(file * 10'000 + i) + (i % 5 == 0   ? ",\"two\nlines\"\n"
                                                   : i % 5 == 1 ? ",short,long\n"
                                                                : ",plain\n");
    }
    folder.write("part" + std::to_string(file) + (file == 1 ? ".csv.gz" : ".csv"), file == 1 ? gzip(text) : text);
  }
  RunOptions options;
  options.stream = {{"path", "part*"}};
  options.on_data_error = "skip";
  options.max_batch_bytes = 8192;
  options.checkpoint_interval_rows = 500;
  const RunResult whole = run(folder.path(), options);
  ASSERT_TRUE(whole.status.ok()) << whole.status.to_string();
  ASSERT_EQ(whole.rows.size(), 9600U);
  ASSERT_GT(whole.checkpoints.size(), 10U);
  for (size_t i = 0; i < whole.checkpoints.size(); ++i) {
    RunOptions again = options;
    again.resume = whole.checkpoints[i];
    const RunResult rest = run(folder.path(), again);
    ASSERT_TRUE(rest.status.ok()) << i << ": " << rest.status.to_string();
    const Table expected(whole.rows.begin() + static_cast<std::ptrdiff_t>(whole.rows_covered[i]), whole.rows.end());
    ASSERT_EQ(rest.rows, expected) << "checkpoint " << i;
    ASSERT_EQ(rest.summary.records_read - rest.summary.records_skipped, rest.rows.size());
  }
}

TEST(ResumeTest, is_refused_when_what_was_read_has_changed) {
  const TempFolder folder;
  const auto text = [](const std::string& word) {
    std::string out = "id,text\n";
    for (int i = 0; i < 4000; ++i) out += std::to_string(i) + "," + word + "\n";
    return out;
  };
  folder.write("part1.csv", text("aaa"));
  folder.write("part2.csv", text("bbb"));
  RunOptions options;
  options.stream = {{"path", "part*"}};
  options.max_batch_bytes = 8192;
  options.checkpoint_interval_rows = 500;
  const RunResult whole = run(folder.path(), options);
  ASSERT_TRUE(whole.status.ok());
  const sdk::Json& in_second = whole.checkpoints[whole.checkpoints.size() - 2];
  ASSERT_EQ(in_second["position"]["file"], "part2.csv");
  options.resume = in_second;
  EXPECT_TRUE(run(folder.path(), options).status.ok());

  const auto expect_refused = [&](const char* why) {
    const RunResult got = run(folder.path(), options);
    ASSERT_FALSE(got.status.ok()) << why;
    EXPECT_EQ(got.status.error().code, "SOURCE_CHANGED") << why;
    EXPECT_THAT(got.status.error().message, HasSubstr("rapidbyte state reset"));
    EXPECT_TRUE(got.rows.empty());
  };
  folder.write("part2.csv", text("bbc"));
  expect_refused("the file was edited before the position");
  folder.write("part2.csv", text("bbb") + "9,new\n");
  EXPECT_TRUE(run(folder.path(), options).status.ok()) << "rows appended behind the position are read";
  folder.write("part1.csv", text("aaaa"));
  expect_refused("a file that is done has another size");
  folder.write("part1.csv", text("aaa"));
  folder.write("part0.csv", text("zzz"));
  expect_refused("a new file stands before the position");
  std::filesystem::remove(folder.path() + "/part0.csv");
  std::filesystem::remove(folder.path() + "/part2.csv");
  expect_refused("the file is gone");
}

TEST(IncrementalTest, emits_what_is_behind_the_last_value) {
  struct Case {
    const char* type;
    const char* values[4];
    sdk::Json last;  // the third value
    sdk::Json max;
  };
  const Case cases[] = {
      {"Int64", {"3", "10", "7", "2"}, {{"int64", 7}}, {{"int64", 10}}},
      {"Utf8", {"c", "z", "g", "b"}, {{"utf8", "g"}}, {{"utf8", "z"}}},
      {"Date32",
       {"2024-01-03", "2024-02-01", "2024-01-07", "2024-01-02"},
       {{"utf8", "2024-01-07"}},
       {{"utf8", "2024-02-01"}}},
      {"Decimal128(38, 2)",
       {"3.00", "10.00", "7.00", "2.00"},
       {{"decimal", {{"value", "7.00"}, {"scale", 2}}}},
       {{"decimal", {{"value", "10.00"}, {"scale", 2}}}}},
      {"Timestamp(Microsecond, None)",
       {"1970-01-01T00:00:03", "1970-01-01T00:00:10", "1970-01-01T00:00:07", "1970-01-01T00:00:02"},
       {{"timestamp_micros", 7'000'000}},
       {{"timestamp_micros", 10'000'000}}},
  };
  const TempFolder folder;
  for (const Case& c : cases) {
    std::string text = "k,c\n";
    for (int i = 0; i < 4; ++i) text += std::to_string(i) + "," + c.values[i] + "\n";
    folder.write("data.csv", text);
    RunOptions options;
    options.cursor_field = "c";
    RunResult got = run(folder.path(), options);
    ASSERT_TRUE(got.status.ok()) << got.status.to_string();
    ASSERT_EQ(got.schema.fields[1].type.name(), c.type);
    EXPECT_EQ(got.rows.size(), 4U) << c.type;
    EXPECT_EQ(got.checkpoints.back()["cursor_value"], c.max) << c.type;
    options.last_value = c.last;
    got = run(folder.path(), options);
    ASSERT_TRUE(got.status.ok()) << got.status.to_string();
    ASSERT_EQ(got.rows.size(), 1U) << c.type;
    EXPECT_EQ(got.rows[0][0], "1");
    EXPECT_EQ(got.summary.records_read, 1U) << "old rows are not counted as read";
    EXPECT_EQ(got.checkpoints.back()["cursor_value"], c.max) << c.type;
    options.last_value = c.max;
    got = run(folder.path(), options);
    EXPECT_TRUE(got.rows.empty());
    EXPECT_EQ(got.checkpoints.back()["cursor_value"], c.max) << "without new rows the cursor stays";
  }
}

TEST(IncrementalTest, checkpoints_move_the_cursor_only_at_the_end) {
  const TempFolder folder;
  std::string text = "id,v\n";
  for (int i = 0; i < 3000; ++i) text += std::to_string(i * 7919 % 3000 + 1) + ",x\n";
  folder.write("data.csv", text);
  RunOptions options;
  options.cursor_field = "id";
  options.last_value = {{"int64", 1000}};
  options.max_batch_bytes = 4096;
  options.checkpoint_interval_rows = 100;
  const RunResult whole = run(folder.path(), options);
  ASSERT_TRUE(whole.status.ok()) << whole.status.to_string();
  ASSERT_EQ(whole.rows.size(), 2000U);
  ASSERT_GT(whole.checkpoints.size(), 4U);
  for (size_t i = 0; i + 1 < whole.checkpoints.size(); ++i) {
    EXPECT_EQ(whole.checkpoints[i]["cursor_value"], sdk::Json({{"int64", 1000}}));
    RunOptions again = options;
    again.resume = whole.checkpoints[i];
    const RunResult rest = run(folder.path(), again);
    ASSERT_TRUE(rest.status.ok()) << rest.status.to_string();
    const Table expected(whole.rows.begin() + static_cast<std::ptrdiff_t>(whole.rows_covered[i]), whole.rows.end());
    EXPECT_EQ(rest.rows, expected);
    EXPECT_EQ(rest.checkpoints.back()["cursor_value"], sdk::Json({{"int64", 3000}}))
        << "the maximum may lie before the position";
  }
  EXPECT_EQ(whole.checkpoints.back()["cursor_value"], sdk::Json({{"int64", 3000}}));
}

TEST(IncrementalTest, a_null_cursor_is_a_data_error) {
  const TempFolder folder;
  folder.write("data.csv", "id,v\n1,a\n,b\n3,c\n");
  RunOptions options;
  options.cursor_field = "id";
  RunResult got = run(folder.path(), options);
  ASSERT_FALSE(got.status.ok());
  EXPECT_EQ(got.status.error().code, "NULL_CURSOR");
  options.on_data_error = "skip";
  got = run(folder.path(), options);
  EXPECT_EQ(got.rows.size(), 2U);
  EXPECT_EQ(got.summary.records_skipped, 1U);
  options.cursor_field = "nope";
  EXPECT_EQ(run(folder.path(), options).status.error().code, "CURSOR_MISSING");
  options.cursor_field = "v";
  options.last_value = {{"int64", 5}};
  EXPECT_EQ(run(folder.path(), options).status.error().code, "CURSOR_TYPE");
}

}  // namespace
}  // namespace rapidbyte::source_file::testing
