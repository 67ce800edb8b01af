#pragma once
// Incremental reads: which rows are new, and the position that is kept between runs. Rows come in the order of the
// cursor and of the tie-breaker, columns that distinguish rows with equal cursor values. The position holds the last
// cursor value and which rows with exactly that value were read, as the server's exact text, and the server does all
// comparing. So a row that is added later with the same value is found, and none is read twice, in whatever order the
// tie-breaker's values come.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog.h"
#include "options.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"
#include "table_query.h"

namespace rapidbyte::source_postgres {

struct IncrementalPlan {
  const CatalogColumn* cursor = nullptr;  // of the relation, which must outlive this
  std::vector<const CatalogColumn*> ties;  // empty: the cursor's values are unique
  /// Later rows have a higher tie-breaker (one integer column that is never null), so its last value says which rows of
  /// an equal cursor value were read, however many they are.
  bool tie_grows = false;
  /// A unique index guarantees that no two rows are equal in cursor and tie-breaker.
  bool is_unique = true;
  std::optional<Lag> lag;
  /// The user accepts the last position for this stream although what it was made for has changed.
  bool keep_position = false;
  std::string stream;  // its name, for messages
};

/// UNKNOWN_COLUMN, CURSOR_TYPE, TIE_BREAKER_MISSING, LAG_TYPE, LAG_TOO_SHORT (config).
sdk::Result<IncrementalPlan> plan_incremental(const Relation& relation, const StreamOptions& options,
                                              const std::string& cursor_field);

/// The upper bound that a lag sets: an SQL condition.
std::string lag_condition(const IncrementalPlan& plan, const TableQuery& query, const std::string& where,
                          const std::string& server_time_zone);

class CursorPosition {
 public:
  /// Starts at what the last run left. `origin`: what the position is made for (PositionOrigin), kept with it; null:
  /// unknown. CURSOR_CHANGED (config): the last one was made with another cursor or tie-breaker, or for something else.
  static sdk::Result<CursorPosition> make(const IncrementalPlan& plan, const sdk::CursorValue& last,
                                          sdk::Json origin = nullptr);

  /// The rows after the position, as an SQL condition.
  [[nodiscard]] std::string condition(const TableQuery& query) const;
  /// Whether the row may be equal to the last one in cursor and tie-breaker, so that there is no position between them.
  [[nodiscard]] bool is_equal(const std::vector<std::optional<std::string>>& watched) const;
  /// Takes the newest row's cursor and tie-breaker into account. NULL_TIE_BREAKER, INFINITE_CURSOR, INVALID_UTF8 (data)
  /// when they make no position.
  sdk::Status note(const std::vector<std::optional<std::string>>& watched);
  /// Whether the position, in the middle of a read, says exactly which rows were read. It cannot when too many rows
  /// have the newest cursor value, and the tie-breaker does not grow or the read has not passed all rows of earlier
  /// reads.
  [[nodiscard]] bool is_exact() const;
  /// After the last row: makes the position that of a finished read. TIE_GROUP_TOO_LARGE (config) with what to do.
  sdk::Status finish();
  [[nodiscard]] sdk::CursorValue to_cursor() const;

 private:
  CursorPosition(const IncrementalPlan& plan, sdk::Json origin) : plan_(&plan), origin_(std::move(origin)) {}
  /// Whether a row has the tie-breaker that begins at `from` in the list.
  [[nodiscard]] std::string tie_equals(const TableQuery& query, size_t from) const;
  [[nodiscard]] std::string is_listed(const TableQuery& query) const;
  [[nodiscard]] std::string is_behind_last(const TableQuery& query) const;

  const IncrementalPlan* plan_;
  sdk::Json origin_;
  bool present_ = false;
  std::string value_;
  /// Tie-breakers of the rows with value_ that were read, one after the other, each of ties.size() texts; only of the
  /// last row when there are too many.
  std::vector<std::string> seen_;
  size_t seen_bytes_ = 0;
  bool only_last_ = false;
  /// Earlier reads listed rows with value_, which need not come before those of this read.
  bool carried_ = false;
  /// The highest tie-breaker that earlier reads listed, when it grows.
  std::optional<int64_t> highest_;
  /// All rows with value_ were read, and no more will come (lag).
  bool complete_ = false;
  std::vector<std::string> newest_;  // the last row's tie-breaker
};

}  // namespace rapidbyte::source_postgres
