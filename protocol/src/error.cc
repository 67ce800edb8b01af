#include "rapidbyte/protocol/error.h"

#include "enum_names.h"

namespace rapidbyte::protocol {
namespace {

constexpr std::array<std::string_view, 9> kCategories = {
    "config", "auth", "permission", "rate-limit", "transient-network", "transient-db", "data", "schema", "internal"};
constexpr std::array<std::string_view, 3> kScopes = {"per-stream", "per-batch", "per-record"};
constexpr std::array<std::string_view, 3> kBackoffs = {"fast", "normal", "slow"};
constexpr std::array<std::string_view, 3> kCommitStates = {"before-commit", "after-commit-unknown",
                                                           "after-commit-confirmed"};

}  // namespace

std::string_view to_string(ErrorCategory value) { return name_of(kCategories, value); }
std::string_view to_string(ErrorScope value) { return name_of(kScopes, value); }
std::string_view to_string(BackoffClass value) { return name_of(kBackoffs, value); }
std::string_view to_string(CommitState value) { return name_of(kCommitStates, value); }

std::optional<ErrorCategory> error_category_from_string(std::string_view text) {
  return find_case<ErrorCategory>(kCategories, text);
}
std::optional<ErrorScope> error_scope_from_string(std::string_view text) {
  return find_case<ErrorScope>(kScopes, text);
}
std::optional<BackoffClass> backoff_class_from_string(std::string_view text) {
  return find_case<BackoffClass>(kBackoffs, text);
}
std::optional<CommitState> commit_state_from_string(std::string_view text) {
  return find_case<CommitState>(kCommitStates, text);
}

}  // namespace rapidbyte::protocol
