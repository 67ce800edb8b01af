#pragma once
// PositionMeaning: what a position of a stream is about, so that a later run with other settings does not resume from
// it: the cursor's column and type, the files, and the options that affect which values are read. Positions carry it; a
// mismatch is CURSOR_CHANGED. Positions of earlier versions, without it, are accepted.

#include <string>

#include "cursor.h"
#include "known_rejections.h"
#include "options.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::source_file {

class PositionMeaning {
 public:
  /// `cursor`: the cursor's column, null for a full refresh. `type_change`: the destination's policy.
  PositionMeaning(const StreamOptions& stream, const StreamFiles& files, const ColumnSpec* cursor,
                  sdk::TypeChange type_change);

  /// The cursor value for the checkpoint at the end of a run.
  [[nodiscard]] sdk::CursorValue bind(const sdk::CursorValue& value, const KnownRejections& rejected) const;
  /// The inverse. CURSOR_CHANGED (config).
  [[nodiscard]] sdk::Result<sdk::CursorValue> unbind(const sdk::CursorValue& stored, KnownRejections& rejected) const;

  /// For positions in the middle of a load.
  [[nodiscard]] sdk::Json to_json() const;
  /// Ok when a load whose position carries `stored` (null: from an earlier version) may resume. CURSOR_CHANGED
  /// (config).
  [[nodiscard]] sdk::Status check_load(const sdk::Json* stored) const;

 private:
  [[nodiscard]] sdk::Status changed(const std::string& what, const std::string& back) const;
  [[nodiscard]] sdk::Status check_cursor(const sdk::Json& stored) const;
  [[nodiscard]] sdk::Status check_options(const sdk::Json& stored, const sdk::Json& now) const;

  bool types_are_checked_;  // by the destination, which refuses another type for a column
  std::string stream_;
  std::string path_;
  std::string cursor_column_;  // empty: a full refresh
  sdk::DataType cursor_type_;
  sdk::Json options_;  // all that change values, where they are not at their defaults
  sdk::Json cursor_options_;  // those that change the cursor's values
};

}  // namespace rapidbyte::source_file
