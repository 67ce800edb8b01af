#include "rapidbyte/base/deadline.h"

#include <gtest/gtest.h>

namespace rapidbyte {
namespace {

using std::chrono::milliseconds;

TEST(Deadline, NeverDoesNotExpireAndWaitsInSlices) {
  const Deadline never = Deadline::never();
  EXPECT_TRUE(never.is_never());
  EXPECT_FALSE(never.expired());
  EXPECT_EQ(never.remaining(milliseconds(250)), milliseconds(250));
}

TEST(Deadline, ExpiresAndThenHasNothingLeft) {
  const Deadline past = Deadline::after(milliseconds(-5));
  EXPECT_TRUE(past.expired());
  EXPECT_EQ(past.remaining(milliseconds(250)), milliseconds(0));
  EXPECT_TRUE(Deadline::after(milliseconds(0)).expired());
}

TEST(Deadline, RemainingIsAtMostTheSliceAndAtMostWhatIsLeft) {
  const Deadline far = Deadline::after(milliseconds(60'000));
  EXPECT_FALSE(far.expired());
  EXPECT_EQ(far.remaining(milliseconds(100)), milliseconds(100));
  const milliseconds left = far.remaining(milliseconds(600'000));
  EXPECT_GT(left, milliseconds(30'000));
  EXPECT_LE(left, milliseconds(60'000));
}

TEST(Deadline, RoundsUpSoThatALoopOfWaitsDoesNotSpinAtTheEnd) {
  // Less than a millisecond is left most of the time; rounded down it would be a wait of zero, again and again.
  for (int i = 0; i < 1000; ++i) {
    const Deadline soon = Deadline::after(milliseconds(1));
    const milliseconds left = soon.remaining(milliseconds(10));
    if (left == milliseconds(0)) {
      EXPECT_TRUE(soon.expired());
    }
  }
}

TEST(Deadline, ALengthBeyondTheClockIsNever) {
  EXPECT_TRUE(Deadline::after(milliseconds::max()).is_never());
  EXPECT_FALSE(Deadline::after(milliseconds::max()).expired());
}

}  // namespace
}  // namespace rapidbyte
