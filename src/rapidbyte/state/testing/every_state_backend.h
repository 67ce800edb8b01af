#pragma once
// EveryStateBackend: the fixture of the suite over all state backends. Its tests are in the files that include this,
// by subject; state_backend_test.cc has the table of backends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "rapidbyte/state/state_backend.h"
#include "rapidbyte/state/testing/temp_folder.h"

namespace rapidbyte::state {

/// What the suite has to know about a backend. A new one is a row in kBackends.
struct BackendUnderTest {
  const char* name;
  /// Another client of the state that is in `folder`; nullptr when the backend has only one.
  std::unique_ptr<StateBackend> (*open)(const std::filesystem::path& folder);
  /// Takes the lock of a pipeline from its holder, who learns nothing of it.
  void (*drop_lock)(StateBackend& state, const std::filesystem::path& folder, const std::string& pipeline);
};

inline void PrintTo(const BackendUnderTest& backend, std::ostream* out) { *out << backend.name; }

class EveryStateBackend : public ::testing::TestWithParam<BackendUnderTest> {
 protected:
  void SetUp() override {
    state_ = GetParam().open(folder_.path());
    ASSERT_NE(state_, nullptr);
  }

  /// The test's lease of a pipeline, taken when it is first asked for.
  Lease& of(const std::string& pipeline) {
    std::unique_ptr<Lease>& lease = leases_[pipeline];
    if (!lease) lease = take(pipeline, "the run of the test");
    return *lease;
  }
  std::unique_ptr<Lease> take(const std::string& pipeline, const std::string& run_id) {
    auto taken = state_->acquire_lease(pipeline, run_id);
    EXPECT_TRUE(taken.ok()) << taken.status().to_string();
    return taken.ok() ? std::move(*taken) : nullptr;
  }
  void drop_lock(const std::string& pipeline) { GetParam().drop_lock(*state_, folder_.path(), pipeline); }

  StreamState stream(const StreamKey& key) {
    auto loaded = state_->load_stream(key);
    EXPECT_TRUE(loaded.ok()) << loaded.status().to_string();
    return loaded.ok() ? *loaded : StreamState();
  }
  std::optional<std::string> value(std::string_view pipeline, std::string_view key) {
    auto got = state_->get(pipeline, key);
    EXPECT_TRUE(got.ok()) << got.status().to_string();
    return got.ok() ? *got : std::nullopt;
  }

  TempFolder folder_;
  std::unique_ptr<StateBackend> state_;
  std::map<std::string, std::unique_ptr<Lease>> leases_;
  const StreamKey users_{"p", "users", ""};
};

#define EXPECT_OK(expr)                                   \
  do {                                                    \
    const Status rb_status = (expr);                      \
    EXPECT_TRUE(rb_status.ok()) << rb_status.to_string(); \
  } while (false)

}  // namespace rapidbyte::state
