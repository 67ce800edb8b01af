#pragma once
// RunMode: what a run is for, and so what it may touch. One value, instead of flags whose combinations everyone would
// have to think through.

#include <cstdint>
#include <optional>

namespace rapidbyte::engine {

/// Rows per stream that a preview shows by default: a screenful.
inline constexpr uint64_t kDefaultPreviewRows = 10;

class RunMode {
 public:
  /// Loads every stream; positions and loads are kept in the state.
  RunMode() = default;
  /// Writes at most `rows` of each stream (`--limit`). Positions and loads in the state stay as they are, so the next
  /// load reads the same rows again.
  static RunMode limited(uint64_t rows) { return {Kind::kLimited, rows}; }
  /// Shows the first rows of each stream (`--dry-run`). No destination is started, nothing is written: no table, state
  /// or file of rejected records.
  static RunMode preview(std::optional<uint64_t> rows = std::nullopt) { return {Kind::kPreview, rows}; }

  [[nodiscard]] bool is_preview() const { return kind_ == Kind::kPreview; }
  [[nodiscard]] bool is_limited() const { return kind_ == Kind::kLimited; }
  /// Whether loads and positions are kept.
  [[nodiscard]] bool keeps_state() const { return kind_ == Kind::kLoad; }
  /// Maximum number of rows of each stream, as the user gave it.
  [[nodiscard]] std::optional<uint64_t> rows() const { return rows_; }
  /// Rows after which a lane ends; nullopt: when everything has been read.
  [[nodiscard]] std::optional<uint64_t> lane_rows() const {
    return is_preview() ? rows_.value_or(kDefaultPreviewRows) : rows_;
  }

 private:
  enum class Kind : uint8_t { kLoad, kLimited, kPreview };
  RunMode(Kind kind, std::optional<uint64_t> rows) : kind_(kind), rows_(rows) {}
  Kind kind_ = Kind::kLoad;
  std::optional<uint64_t> rows_;
};

}  // namespace rapidbyte::engine
