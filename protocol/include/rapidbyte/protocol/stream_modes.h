#pragma once
// How a stream is read and written, with the spelling of the pipeline file and the stream context. Plain values.

#include <cstdint>
#include <optional>
#include <string_view>

namespace rapidbyte::protocol {

enum class SyncMode : uint8_t { kFullRefresh, kIncremental, kCdc };
enum class WriteMode : uint8_t { kAppend, kReplace, kUpsert };
enum class OnDataError : uint8_t { kFail, kSkip, kDlq };
enum class NewColumn : uint8_t { kAdd, kIgnore, kFail };
enum class RemovedColumn : uint8_t { kIgnore, kFail };
enum class TypeChange : uint8_t { kCoerce, kFail, kNull };
enum class NullabilityChange : uint8_t { kAllow, kFail };

/// For example "full_refresh".
std::string_view to_string(SyncMode value);
std::string_view to_string(WriteMode value);
std::string_view to_string(OnDataError value);
std::string_view to_string(NewColumn value);
std::string_view to_string(RemovedColumn value);
std::string_view to_string(TypeChange value);
std::string_view to_string(NullabilityChange value);

/// The case spelled `text`; nullopt when there is none.
template <typename Mode>
std::optional<Mode> mode_from_string(std::string_view text);

extern template std::optional<SyncMode> mode_from_string(std::string_view text);
extern template std::optional<WriteMode> mode_from_string(std::string_view text);
extern template std::optional<OnDataError> mode_from_string(std::string_view text);
extern template std::optional<NewColumn> mode_from_string(std::string_view text);
extern template std::optional<RemovedColumn> mode_from_string(std::string_view text);
extern template std::optional<TypeChange> mode_from_string(std::string_view text);
extern template std::optional<NullabilityChange> mode_from_string(std::string_view text);

/// What happens to a target whose columns differ from the stream's.
struct SchemaEvolution {
  NewColumn new_column = NewColumn::kAdd;
  RemovedColumn removed_column = RemovedColumn::kIgnore;
  TypeChange type_change = TypeChange::kFail;
  NullabilityChange nullability_change = NullabilityChange::kAllow;

  bool operator==(const SchemaEvolution&) const = default;
};

struct Policies : SchemaEvolution {
  OnDataError on_data_error = OnDataError::kFail;

  bool operator==(const Policies&) const = default;
};

}  // namespace rapidbyte::protocol
