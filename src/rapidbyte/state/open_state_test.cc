#include "rapidbyte/state/open_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "rapidbyte/state/testing/temp_folder.h"

namespace rapidbyte::state {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;

TEST(OpenState, OpensEveryBackendThatAPipelineMayName) {
  for (const std::string_view name : pipeline::kStateBackends) {
    SCOPED_TRACE(name);
    EXPECT_THAT(backend_names(), Contains(name));
    const TempFolder folder;
    const pipeline::StateConfig config{.backend = std::string(name), .connection = folder.path() / "new" / "state.db"};
    const StateSurvey before = survey_state(config);
    EXPECT_FALSE(before.exists);
    EXPECT_TRUE(before.makeable.ok()) << before.makeable.to_string();
    EXPECT_FALSE(fs::exists(folder.path() / "new")) << "looking makes nothing";
    {
      auto state = open_state(config);
      ASSERT_TRUE(state.ok()) << state.status().to_string();
      EXPECT_TRUE((*state)->acquire_lease("p", "run-1").ok());
    }
    EXPECT_TRUE(survey_state(config).exists);
    EXPECT_NE(survey_state(config).place, "");
  }
}

TEST(OpenState, TheMemoryBackendLeavesNothingBehind) {
  const TempFolder folder;
  const pipeline::StateConfig config{.backend = std::string(kMemoryBackend), .connection = folder.path() / "state.db"};
  auto state = open_state(config);
  ASSERT_TRUE(state.ok()) << state.status().to_string();
  EXPECT_TRUE((*state)->acquire_lease("p", "run-1").ok());
  EXPECT_TRUE(fs::is_empty(folder.path()));
  EXPECT_FALSE(survey_state(config).exists);
  EXPECT_TRUE(state_files(config).empty());
  EXPECT_EQ(folder_beside_state(config), std::nullopt);
}

TEST(OpenState, AnUnknownBackendIsAnErrorThatNamesAKnownOne) {
  const pipeline::StateConfig config{.backend = "etcd", .connection = "somewhere"};
  for (const Status& status : {open_state(config).status(), survey_state(config).makeable}) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, "STATE_BACKEND");
    EXPECT_THAT(status.error().message, HasSubstr("'etcd'"));
    EXPECT_THAT(status.error().message, HasSubstr("sqlite"));
  }
  EXPECT_TRUE(state_files(config).empty());
}

TEST(OpenState, SaysWhyAStateCouldNotBeCreated) {
  const TempFolder folder;
  const fs::path closed = folder.path() / "closed";
  fs::create_directory(closed);
  ASSERT_EQ(::chmod(closed.c_str(), 0555), 0);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // Root may write everywhere.
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(2);
    const StateSurvey survey = survey_state({.connection = closed / "below" / "state.db"});
    const bool said = !survey.exists && !survey.makeable.ok() && survey.makeable.error().code == "STATE_BACKEND" &&
                      survey.makeable.error().message.find(closed.string() + " is not writable") != std::string::npos &&
                      survey.makeable.error().message.find("state.connection") != std::string::npos;
    ::_exit(said ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(OpenState, NamesEveryFileOfTheState) {
  const TempFolder folder;
  const pipeline::StateConfig config{.connection = folder.path() / "state.db"};
  auto state = open_state(config);
  ASSERT_TRUE(state.ok()) << state.status().to_string();
  for (const auto& entry : fs::directory_iterator(folder.path()))
    EXPECT_THAT(state_files(config), Contains(entry.path()));
  EXPECT_EQ(folder_beside_state(config), folder.path());
  EXPECT_EQ(folder_beside_state({.connection = "state.db"}), std::nullopt) << "the folder is not named";
  EXPECT_EQ(folder_beside_state({.connection = ""}), std::nullopt);
}

}  // namespace
}  // namespace rapidbyte::state
