#include "rapidbyte/protocol/stream_modes.h"

#include "enum_names.h"

namespace rapidbyte::protocol {
namespace {

template <typename Mode>
constexpr auto kNames = nullptr;

template <>
constexpr std::array<std::string_view, 3> kNames<SyncMode> = {"full_refresh", "incremental", "cdc"};
template <>
constexpr std::array<std::string_view, 3> kNames<WriteMode> = {"append", "replace", "upsert"};
template <>
constexpr std::array<std::string_view, 3> kNames<OnDataError> = {"fail", "skip", "dlq"};
template <>
constexpr std::array<std::string_view, 3> kNames<NewColumn> = {"add", "ignore", "fail"};
template <>
constexpr std::array<std::string_view, 2> kNames<RemovedColumn> = {"ignore", "fail"};
template <>
constexpr std::array<std::string_view, 3> kNames<TypeChange> = {"coerce", "fail", "null"};
template <>
constexpr std::array<std::string_view, 2> kNames<NullabilityChange> = {"allow", "fail"};

}  // namespace

std::string_view to_string(SyncMode value) { return name_of(kNames<SyncMode>, value); }
std::string_view to_string(WriteMode value) { return name_of(kNames<WriteMode>, value); }
std::string_view to_string(OnDataError value) { return name_of(kNames<OnDataError>, value); }
std::string_view to_string(NewColumn value) { return name_of(kNames<NewColumn>, value); }
std::string_view to_string(RemovedColumn value) { return name_of(kNames<RemovedColumn>, value); }
std::string_view to_string(TypeChange value) { return name_of(kNames<TypeChange>, value); }
std::string_view to_string(NullabilityChange value) { return name_of(kNames<NullabilityChange>, value); }

template <typename Mode>
std::optional<Mode> mode_from_string(std::string_view text) {
  return find_case<Mode>(kNames<Mode>, text);
}

template std::optional<SyncMode> mode_from_string(std::string_view text);
template std::optional<WriteMode> mode_from_string(std::string_view text);
template std::optional<OnDataError> mode_from_string(std::string_view text);
template std::optional<NewColumn> mode_from_string(std::string_view text);
template std::optional<RemovedColumn> mode_from_string(std::string_view text);
template std::optional<TypeChange> mode_from_string(std::string_view text);
template std::optional<NullabilityChange> mode_from_string(std::string_view text);

}  // namespace rapidbyte::protocol
