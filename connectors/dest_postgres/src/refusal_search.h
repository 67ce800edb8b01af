#pragma once
// RefusalSearch: finds the rows that the server refused, in batches that it did not accept as a whole. What
// row_search.h does for row numbers, it does for the rows of a LoadState.

#include <cstdint>

#include "src/copy_load.h"
#include "src/insert_load.h"
#include "src/load_state.h"
#include "src/row_refusals.h"

namespace rapidbyte::dest_postgres {

class RefusalSearch {
 public:
  RefusalSearch(LoadState& state, RowRefusals& refusals) : state_(state), refusals_(refusals) {}

  /// Loads the batches of a refused group one by one, around the refused rows, which are rejected; counts the others as
  /// written.
  Status load_group_again(RowLoad& load, const sdk::Error& refused);
  /// The error of a group's INSERT that names no row, where a refused row ends the load; with the row if it is found.
  Status insert_error(InsertLoad& load, const Status& status);
  /// The same for a merge after kMergeSavepoint.
  Status merge_error(const CopyLoad& load, const Status& status);

 private:
  /// Makes a batch of the group the current one.
  Status use(const HeldBatch& held);
  /// Loads the batch in pieces, leaving out and reporting what the server refuses. `suspected`: the row that it is
  /// known to refuse, rows() for none; `piece`: how many rows to try first.
  Status load_around_refusals(RowLoad& load, size_t suspected, size_t piece);
  /// The row of the `line`th kept row of [begin, end).
  [[nodiscard]] std::optional<size_t> row_of_line(uint64_t line, size_t begin, size_t end) const;

  LoadState& state_;
  RowRefusals& refusals_;
};

}  // namespace rapidbyte::dest_postgres
