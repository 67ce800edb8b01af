// One instance that reads many streams (feature "reuse"): each is read, rejected, counted and remembered as by a
// separate instance, whatever happened to the streams before.
#include <gtest/gtest.h>

#include "test_support.h"

namespace rapidbyte::source_file::testing {
namespace {

using sdk::Json;

struct Read {
  RunOptions options;
  bool fails = false;
};

std::string many_rows(int rows, const std::string& bad = "") {
  std::string out = "id,at,price\n";
  for (int i = 0; i < rows; ++i) {
    out += std::to_string(i) + ",2024-01-0" + std::to_string(1 + i % 9) + "," + std::to_string(i) + ".5\n";
  }
  return out + bad;
}

std::vector<Read> reads(const TempFolder& folder) {
  folder.write("plain.csv", many_rows(3000));
  folder.write("other.csv", "name;kind\n\"a;b\";x\n c ;y\n");
  folder.write("packed.ndjson.gz", gzip("{\"id\": 1, \"deep\": {\"a\": [1, 2]}}\n{\"id\": 2}\n"));
  folder.write("typed.csv", many_rows(20000, "no,2024-01-01,1.5\n20001,2024-01-02,2.5\nno,2024-01-03,3.5\n"));
  folder.write("ragged.csv", many_rows(20000, "1,2\n"));
  std::filesystem::create_directory(folder.path() + "/parts");
  folder.write("parts/1.csv", many_rows(10));
  folder.write("parts/2.csv", many_rows(20));
  RunOptions plain;
  plain.name = "plain";
  RunOptions small = plain;
  small.max_batch_bytes = 4096;
  small.checkpoint_interval_rows = 100;
  RunOptions interrupted = small;
  interrupted.fail_emit = 3;
  RunOptions other;
  other.name = "other";
  other.stream = {{"delimiter", ";"}, {"trim", true}};
  RunOptions packed;
  packed.name = "packed";
  packed.stream = {{"path", "packed.ndjson.gz"}};
  RunOptions typed;
  typed.name = "typed";
  typed.stream = {{"columns", {{"id", "integer"}}}};
  RunOptions skipped = typed;
  skipped.on_data_error = "skip";
  RunOptions kept = typed;
  kept.on_data_error = "dlq";
  RunOptions incremental = kept;
  incremental.cursor_field = "at";
  RunOptions ragged;
  ragged.name = "ragged";
  RunOptions parts;
  parts.name = "parts";
  parts.stream = {{"path", "parts/*.csv"}};
  parts.cursor_field = "id";
  parts.last_value = {{"int64", 4}};
  return {{plain}, {interrupted, true}, {small}, {typed, true}, {other},        {skipped}, {packed},
          {kept},  {ragged, true},      {parts}, {incremental}, {plain, false}, {parts},   {small}};
}

void expect_same(const RunResult& got, const RunResult& expected) {
  EXPECT_EQ(got.status.to_string(), expected.status.to_string());
  EXPECT_EQ(got.schema.to_json(), expected.schema.to_json());
  EXPECT_EQ(got.rows, expected.rows);
  EXPECT_EQ(got.batch_bytes, expected.batch_bytes);
  EXPECT_EQ(got.checkpoints, expected.checkpoints);
  EXPECT_EQ(got.rows_covered, expected.rows_covered);
  EXPECT_EQ(got.warnings, expected.warnings);
  EXPECT_EQ(got.summary.records_read, expected.summary.records_read);
  EXPECT_EQ(got.summary.records_skipped, expected.summary.records_skipped);
  EXPECT_EQ(got.summary.bytes_read, expected.summary.bytes_read);
  EXPECT_EQ(got.summary.batches_emitted, expected.summary.batches_emitted);
  EXPECT_EQ(got.summary.checkpoint_count, expected.summary.checkpoint_count);
  ASSERT_EQ(got.dlq.size(), expected.dlq.size());
  for (size_t i = 0; i < got.dlq.size(); ++i) {
    EXPECT_EQ(got.dlq[i].stream, expected.dlq[i].stream);
    EXPECT_EQ(got.dlq[i].record_json, expected.dlq[i].record_json);
    EXPECT_EQ(got.dlq[i].error_message, expected.dlq[i].error_message);
  }
}

TEST(ReuseTest, EachStreamIsReadAsByAnInstanceOfItsOwn) {
  const TempFolder folder;
  const std::vector<Read> all = reads(folder);
  std::map<std::string, Json> entries;
  for (const Read& read : all) entries[read.options.name] = stream_entry(read.options);
  Json config = {{"folder", folder.path()}, {"sample_rows", 1000}, {"streams", Json::array()}};
  for (const auto& [name, entry] : entries) config["streams"].push_back(entry);
  sdk::testing::FakeHost host;
  sdk::SourceAdapter<FileSource> kept;
  const sdk::Status opened = kept.open(sdk::to_text(config));
  ASSERT_TRUE(opened.ok()) << opened.to_string();
  for (size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(all[i].options.name + ", number " + std::to_string(i));
    RunOptions own = all[i].options;
    own.config = {{"sample_rows", 1000}};
    const RunResult expected = run(folder.path(), own);
    EXPECT_EQ(expected.status.ok(), !all[i].fails) << expected.status.to_string();
    expect_same(run_stream(kept, all[i].options), expected);
  }
  EXPECT_TRUE(kept.close().ok());
}

TEST(ReuseTest, ContinuesAfterACheckpointOfAStreamThatItInterrupted) {
  const TempFolder folder;
  folder.write("plain.csv", many_rows(3000));
  folder.write("other.csv", many_rows(3));
  RunOptions whole;
  whole.name = "plain";
  whole.max_batch_bytes = 4096;
  whole.checkpoint_interval_rows = 100;
  const RunResult expected = run(folder.path(), whole);
  ASSERT_TRUE(expected.status.ok());
  sdk::testing::FakeHost host;
  sdk::SourceAdapter<FileSource> kept;
  RunOptions other;
  other.name = "other";
  const Json config = {{"folder", folder.path()}, {"streams", {stream_entry(whole), stream_entry(other)}}};
  ASSERT_TRUE(kept.open(sdk::to_text(config)).ok());
  RunOptions first = whole;
  first.fail_emit = 7;
  const RunResult broken = run_stream(kept, first);
  ASSERT_FALSE(broken.status.ok());
  ASSERT_FALSE(broken.checkpoints.empty());
  ASSERT_TRUE(run_stream(kept, other).status.ok());
  RunOptions rest = whole;
  rest.resume = broken.checkpoints.back();
  const RunResult second = run_stream(kept, rest);
  ASSERT_TRUE(second.status.ok()) << second.status.to_string();
  Table rows(broken.rows.begin(), broken.rows.begin() + static_cast<ptrdiff_t>(broken.rows_covered.back()));
  rows.insert(rows.end(), second.rows.begin(), second.rows.end());
  EXPECT_EQ(rows, expected.rows);
}

}  // namespace
}  // namespace rapidbyte::source_file::testing
