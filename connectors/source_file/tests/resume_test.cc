// Resuming after an interrupted run, and incremental reads: exactly the remaining rows, or a clear refusal.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_support.h"

namespace rapidbyte::source_file::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ResumeTest, ARunResumedAtAnyCheckpointReadsExactlyTheRest) {
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

TEST(ResumeTest, IsRefusedWhenWhatWasReadHasChanged) {
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
    EXPECT_THAT(got.status.error().message,
                AllOf(HasSubstr("empty the target table first"), HasSubstr("rapidbyte state reset")));
    EXPECT_TRUE(got.rows.empty());
  };
  folder.write("part2.csv", text("bbc"));
  expect_refused("the file was edited before the position");
  folder.write("part2.csv", text("bbb") + "9,new\n");
  EXPECT_TRUE(run(folder.path(), options).status.ok()) << "rows appended after the position are read";
  folder.write("part1.csv", text("aaaa"));
  expect_refused("a file that is done has another size");
  folder.write("part1.csv", text("aaa"));
  folder.write("part0.csv", text("zzz"));
  expect_refused("a new file stands before the position");
  std::filesystem::remove(folder.path() + "/part0.csv");
  std::filesystem::remove(folder.path() + "/part2.csv");
  expect_refused("the file is gone");
}

/// The value in the cursor of a run's last checkpoint.
sdk::Json value_of(const RunResult& run) { return run.checkpoints.back()["cursor_value"]["json"]["value"]; }

TEST(IncrementalTest, EmitsWhatIsAfterTheLastValue) {
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
    EXPECT_EQ(value_of(got), c.max) << c.type;
    options.last_value = c.last;
    got = run(folder.path(), options);
    ASSERT_TRUE(got.status.ok()) << got.status.to_string();
    ASSERT_EQ(got.rows.size(), 1U) << c.type;
    EXPECT_EQ(got.rows[0][0], "1");
    EXPECT_EQ(got.summary.records_read, 1U) << "old rows are not counted as read";
    EXPECT_EQ(value_of(got), c.max) << c.type;
    options.last_value = c.max;
    got = run(folder.path(), options);
    EXPECT_TRUE(got.rows.empty());
    EXPECT_EQ(value_of(got), c.max) << "without new rows the cursor stays";
  }
}

TEST(IncrementalTest, CheckpointsMoveTheCursorOnlyAtTheEnd) {
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
    EXPECT_EQ(value_of(rest), sdk::Json({{"int64", 3000}})) << "the maximum may lie before the position";
  }
  EXPECT_EQ(value_of(whole), sdk::Json({{"int64", 3000}}));
}

TEST(IncrementalTest, ANullCursorIsADataError) {
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
  EXPECT_EQ(run(folder.path(), options).status.error().code, "CURSOR_FIELD_MISSING");
  options.cursor_field = "v";
  options.last_value = {{"int64", 5}};
  EXPECT_EQ(run(folder.path(), options).status.error().code, "CURSOR_TYPE");
}

TEST(IncrementalTest, APositionIsOfTheSettingsThatItWasMadeWith) {
  const TempFolder folder;
  const auto write = [&](const char* text) { folder.write("data.csv", text); };
  write("id,qty,at\n1,500,01.02.2024\n2,600,02.02.2024\n");
  folder.write("other.csv", "id,qty,at\n1,500,01.02.2024\n");
  RunOptions base;
  base.cursor_field = "id";
  base.stream = {{"path", "data.csv"}, {"date_format", "%d.%m.%Y"}};
  const RunResult first = run(folder.path(), base);
  ASSERT_TRUE(first.status.ok()) << first.status.to_string();
  ASSERT_EQ(first.rows.size(), 2U);
  base.last_value = first.checkpoints.back()["cursor_value"];

  struct Case {
    const char* name;
    std::function<void(RunOptions&)> change;
    const char* says;  // null: the run resumes
  };
  const Case cases[] = {
      {"nothing", [](RunOptions&) {}, nullptr},
      {"another cursor", [](RunOptions& o) { o.cursor_field = "qty"; }, "'id', now it is 'qty'"},
      {"another type", [](RunOptions& o) { o.stream["columns"] = {{"id", "text"}}; }, "had the type Int64"},
      {"a wider type", [](RunOptions& o) { o.stream["columns"] = {{"id", "decimal(38, 2)"}}; }, nullptr},
      {"another file", [](RunOptions& o) { o.stream["path"] = "other.csv"; }, "the files 'data.csv'"},
      {"the same file, spelt otherwise", [](RunOptions& o) { o.stream["path"] = "./data.csv"; }, nullptr},
      {"another quote", [](RunOptions& o) { o.stream["quote"] = "'"; }, "'quote'"},
      {"no header",
       [](RunOptions& o) {
         o.stream["header"] = false;
         o.cursor_field = "column_1";
       },
       "cursor_field"},
      {"what does not change the cursor", [](RunOptions& o) { o.stream["null_values"] = {"NA"}; }, nullptr},
      {"types of other columns", [](RunOptions& o) { o.stream["columns"] = {{"qty", "text"}}; }, nullptr},
  };
  for (const Case& c : cases) {
    RunOptions options = base;
    c.change(options);
    const RunResult got = run(folder.path(), options);
    if (c.says == nullptr) {
      EXPECT_TRUE(got.status.ok()) << c.name << ": " << got.status.to_string();
      EXPECT_TRUE(got.rows.empty()) << c.name;
      continue;
    }
    ASSERT_FALSE(got.status.ok()) << c.name << ": " << got.rows.size() << " rows";
    EXPECT_EQ(got.status.error().code, "CURSOR_CHANGED") << c.name;
    EXPECT_EQ(got.status.error().category, sdk::ErrorCategory::kConfig);
    EXPECT_THAT(got.status.error().message, HasSubstr(c.says));
    EXPECT_THAT(got.status.error().message, HasSubstr("rapidbyte state reset PIPELINE.yaml --stream 'data'"));
    EXPECT_TRUE(got.checkpoints.empty());
  }

  // A date that is read by another pattern is another date, although the type stays the same.
  RunOptions dates = base;
  dates.cursor_field = "at";
  dates.last_value = "null";
  dates.last_value = run(folder.path(), dates).checkpoints.back()["cursor_value"];
  EXPECT_TRUE(run(folder.path(), dates).rows.empty());
  dates.stream["date_format"] = "%m.%d.%Y";
  EXPECT_EQ(run(folder.path(), dates).status.error().code, "CURSOR_CHANGED");

  // Positions of earlier versions are bare values.
  base.last_value = {{"int64", 1}};
  EXPECT_EQ(run(folder.path(), base).rows.size(), 1U);
}

TEST(ResumeTest, IsRefusedWithSettingsThatChangeValues) {
  const TempFolder folder;
  std::string text = "id,price,day\n";
  for (int i = 0; i < 4000; ++i) text += std::to_string(i) + ",\"" + std::to_string(i) + "\",2024-01-02\n";
  folder.write("data.csv", text);
  RunOptions base;
  base.max_batch_bytes = 8192;
  base.checkpoint_interval_rows = 500;
  const auto position_of = [&](const RunOptions& options) {
    const RunResult whole = run(folder.path(), options);
    EXPECT_GT(whole.checkpoints.size(), 4U);
    return whole.checkpoints[2];
  };
  struct Case {
    const char* name;
    std::function<void(RunOptions&)> change;
    bool resumes;
  };
  const Case cases[] = {
      {"nothing", [](RunOptions&) {}, true},
      {"null_values", [](RunOptions& o) { o.stream["null_values"] = {"7"}; }, false},
      {"null_values of the connector", [](RunOptions& o) { o.config["null_values"] = {"7"}; }, false},
      {"quoted_nulls", [](RunOptions& o) { o.stream["quoted_nulls"] = true; }, false},
      {"format of a column",
       [](RunOptions& o) { o.stream["columns"] = {{"day", {{"type", "date"}, {"format", "%Y-%d-%m"}}}}; }, false},
      {"type of a column, which the destination refuses",
       [](RunOptions& o) { o.stream["columns"] = {{"day", "text"}}; }, true},
      {"type of a column, which it would take",
       [](RunOptions& o) {
         o.stream["columns"] = {{"day", "text"}};
         o.type_change = "coerce";
       },
       false},
      {"date_format", [](RunOptions& o) { o.stream["date_format"] = "%Y-%d-%m"; }, false},
      {"quote", [](RunOptions& o) { o.stream["quote"] = ""; }, false},
      {"sync_mode", [](RunOptions& o) { o.cursor_field = "id"; }, false},
      {"ragged", [](RunOptions& o) { o.stream["ragged"] = "pad"; }, true},
      {"sample_rows", [](RunOptions& o) { o.stream["sample_rows"] = 20; }, true},
      {"on_data_error", [](RunOptions& o) { o.on_data_error = "skip"; }, true},
  };
  base.resume = position_of(base);
  for (const Case& c : cases) {
    RunOptions options = base;
    c.change(options);
    const RunResult got = run(folder.path(), options);
    EXPECT_EQ(got.status.ok(), c.resumes) << c.name << ": " << got.status.to_string();
    if (!got.status.ok()) {
      EXPECT_EQ(got.status.error().code, "CURSOR_CHANGED") << c.name;
    }
  }
  RunOptions incremental = base;
  incremental.resume = nullptr;
  incremental.cursor_field = "id";
  incremental.resume = position_of(incremental);
  EXPECT_TRUE(run(folder.path(), incremental).status.ok());
  incremental.cursor_field = "day";
  EXPECT_EQ(run(folder.path(), incremental).status.error().code, "CURSOR_CHANGED");
  incremental.cursor_field.clear();
  EXPECT_EQ(run(folder.path(), incremental).status.error().code, "CURSOR_CHANGED");

  // From an earlier version: it says nothing about settings.
  base.resume["position"].erase("meaning");
  base.stream["null_values"] = {"7"};
  EXPECT_TRUE(run(folder.path(), base).status.ok());
}

TEST(IncrementalTest, ABadRecordIsRejectedOnce) {
  const TempFolder folder;
  std::string text = "id,v\n1,a\n2,b,surplus\nx,c\n,d\n5,e\n";
  folder.write("data.csv", text);
  RunOptions options;
  options.cursor_field = "id";
  options.stream = {{"columns", {{"id", "integer"}}}};
  for (const char* policy : {"skip", "dlq"}) {
    options.on_data_error = policy;
    options.last_value = "null";
    folder.write("data.csv", text);
    RunResult got = run(folder.path(), options);
    ASSERT_TRUE(got.status.ok()) << got.status.to_string();
    EXPECT_EQ(got.rows.size(), 2U);
    EXPECT_EQ(got.summary.records_skipped, 3U);
    EXPECT_EQ(got.summary.records_read, 5U);

    options.last_value = got.checkpoints.back()["cursor_value"];
    got = run(folder.path(), options);
    ASSERT_TRUE(got.status.ok()) << got.status.to_string();
    EXPECT_EQ(got.summary.records_skipped, 0U) << "they were rejected by the run before";
    EXPECT_EQ(got.summary.records_read, 0U);
    EXPECT_TRUE(got.dlq.empty());

    // New ones are rejected, also when they look like old ones; and old ones that were fixed are read.
    options.last_value = got.checkpoints.back()["cursor_value"];
    folder.write("data.csv", text + "6,f\n2,b,surplus\n");
    got = run(folder.path(), options);
    EXPECT_EQ(got.rows.size(), 1U);
    EXPECT_EQ(got.summary.records_skipped, 1U);
    options.last_value = got.checkpoints.back()["cursor_value"];
    folder.write("data.csv", text + "6,f\n8,b\n");
    got = run(folder.path(), options);
    EXPECT_EQ(got.rows.size(), 1U);
    EXPECT_EQ(got.summary.records_skipped, 0U);
    // Nor does it end a run that stops at bad records: it was already handled.
    options.last_value = got.checkpoints.back()["cursor_value"];
    options.on_data_error = "fail";
    EXPECT_TRUE(run(folder.path(), options).status.ok());
  }
}

TEST(IncrementalTest, RejectedRecordsAreKnownAlsoAfterAnInterruptedRead) {
  const TempFolder folder;
  std::string text = "id,v\n";
  for (int i = 1; i <= 3000; ++i) text += std::to_string(i) + (i % 100 == 0 ? ",x,surplus\n" : ",x\n");
  folder.write("data.csv", text);
  RunOptions options;
  options.cursor_field = "id";
  options.on_data_error = "skip";
  options.max_batch_bytes = 4096;
  options.checkpoint_interval_rows = 100;
  const RunResult whole = run(folder.path(), options);
  ASSERT_TRUE(whole.status.ok());
  ASSERT_EQ(whole.summary.records_skipped, 30U);
  RunOptions again = options;
  again.resume = whole.checkpoints[whole.checkpoints.size() / 2];
  const RunResult rest = run(folder.path(), again);
  ASSERT_TRUE(rest.status.ok()) << rest.status.to_string();
  EXPECT_LT(rest.summary.records_skipped, 30U);
  RunOptions next = options;
  next.last_value = rest.checkpoints.back()["cursor_value"];
  const RunResult last = run(folder.path(), next);
  EXPECT_EQ(last.summary.records_skipped, 0U);
  EXPECT_TRUE(last.rows.empty());
}

}  // namespace
}  // namespace rapidbyte::source_file::testing
