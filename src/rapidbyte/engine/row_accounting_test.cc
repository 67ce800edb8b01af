#include "rapidbyte/engine/row_accounting.h"

#include <gtest/gtest.h>

namespace rapidbyte::engine {
namespace {

QueueCounts counted(uint64_t rows) {
  QueueCounts counts;
  counts.pushed_rows = rows;
  return counts;
}

runtime::ReadSummary read(uint64_t rows, uint64_t skipped) {
  runtime::ReadSummary summary;
  summary.records_read = rows;
  summary.records_skipped = skipped;
  return summary;
}

TEST(RowAccounting, OfTheSource) {
  struct Case {
    uint64_t read, skipped, in_batches;
    bool speaks_2_1;
    std::optional<uint64_t> emitted;
  };
  for (const Case& c :
       {Case{10, 0, 10, true, 10}, Case{10, 3, 7, true, 7}, Case{10, 3, 10, true, std::nullopt},
        Case{10, 3, 10, false, 10}, Case{10, 3, 7, false, 7}, Case{10, 0, 9, false, std::nullopt},
        Case{10, 11, 0, true, std::nullopt}, Case{0, 0, 1, true, std::nullopt}, Case{0, 0, 0, true, 0}}) {
    const auto result = check_source_rows("s", read(c.read, c.skipped), counted(c.in_batches), c.speaks_2_1);
    ASSERT_EQ(result.ok(), c.emitted.has_value()) << c.read << " " << c.skipped << " " << c.in_batches;
    if (result.ok()) {
      EXPECT_EQ(*result, *c.emitted);
    } else {
      EXPECT_EQ(result.error().code, "ROW_COUNT_MISMATCH");
    }
  }
}

TEST(RowAccounting, OfATransform) {
  runtime::TransformSummary summary;
  summary.records_in = 10;
  summary.records_out = 4;
  EXPECT_EQ(*check_transform_rows("s", "t", summary, 10, counted(4)), 4U);
  EXPECT_FALSE(check_transform_rows("s", "t", summary, 11, counted(4)).ok());
  EXPECT_FALSE(check_transform_rows("s", "t", summary, 10, counted(5)).ok());
}

TEST(RowAccounting, OfTheDestination) {
  struct Case {
    uint64_t written, failed, received;
    bool fine;
  };
  for (const Case& c : {Case{10, 0, 10, true}, Case{7, 3, 10, true}, Case{7, 2, 10, false}, Case{11, 0, 10, false},
                        Case{0, 11, 10, false}, Case{UINT64_MAX, 11, 10, false}, Case{0, 0, 0, true}}) {
    runtime::WriteSummary summary;
    summary.records_written = c.written;
    summary.records_failed = c.failed;
    EXPECT_EQ(check_destination_rows("s", summary.records_written, summary.records_failed, c.received, 0).ok(), c.fine)
        << c.written << " " << c.failed;
  }
}

TEST(RowAccounting, ADestinationMayLeaveOutExactlyWhatItHadReported) {
  struct Case {
    uint64_t written, failed, received, already_there;
    std::optional<uint64_t> left_out;
  };
  for (const Case& c : {Case{10, 0, 10, 4, 0}, Case{6, 0, 10, 4, 4}, Case{5, 1, 10, 4, 4}, Case{7, 0, 10, 4, {}},
                        Case{5, 0, 10, 4, {}}, Case{6, 0, 10, 0, {}}, Case{11, 0, 10, 4, {}}, Case{0, 11, 10, 4, {}},
                        Case{UINT64_MAX, 0, 10, 4, {}}, Case{0, 0, 4, 4, 4}}) {
    runtime::WriteSummary summary;
    summary.records_written = c.written;
    summary.records_failed = c.failed;
    const auto left_out =
        check_destination_rows("s", summary.records_written, summary.records_failed, c.received, c.already_there);
    EXPECT_EQ(left_out.ok() ? std::optional(*left_out) : std::nullopt, c.left_out) << c.written << " " << c.failed;
  }
}

TEST(RowAccounting, NamesTheNumbersAndTheStream) {
  runtime::WriteSummary summary;
  summary.records_written = 41;
  summary.records_failed = 2;
  const std::string message =
      check_destination_rows("orders", summary.records_written, summary.records_failed, 45, 0).error().message;
  for (const char* part : {"orders", "41", "2", "45"}) EXPECT_NE(message.find(part), std::string::npos) << message;
}

}  // namespace
}  // namespace rapidbyte::engine
