#pragma once
// Whether a destination's newest receipt and the position that an incremental run starts from tell the same story. The
// state lies elsewhere than the table: either may be a copy of another day, be lost, or be written by somebody else.
// Behind a position that is newer than the table rows are left out for good; behind one that is older an append doubles
// rows (docs/adr/0023).

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::sdk {

/// What of a receipt is compared.
struct NewestReceipt {
  std::string load_id;
  /// The source checkpoint of its commit; empty when the load has begun and committed nothing.
  std::string checkpoint_json;
  /// Rows of its load so far; nullopt: not known.
  std::optional<int64_t> rows = {};
  /// False for a replace that was never published: its rows lie beside the table, of which it says nothing.
  bool of_table = true;
};

/// Whether the stream begins behind rows of earlier loads: incremental, with a cursor, and no load to go on with.
bool begins_behind_cursor(const StreamContext& ctx);

/// For begins_behind_cursor(): Ok when the receipt's cursor is the one that the run starts from, or it is not of the
/// table. Of an upsert the receipt may be newer, because rows that are given again change nothing. RECEIPT_FOREIGN
/// (config) otherwise, unless the user says that the rows before the cursor are there (an older receipt:
/// ctx.keep_positions) or may be there twice (a newer one: ctx.allow_doubled_rows). `table`: the target as the user
/// knows it, with its database.
Status check_receipt_fits(const StreamContext& ctx, const NewestReceipt& receipt, const std::string& table);

/// Whether the stream would append all of its rows: a full refresh that has no load to go on with. See
/// check_no_broken_off_load().
bool appends_all(const StreamContext& ctx);
/// For appends_all(): POSITION_MISSING (config) when the newest receipt is of another load, which has committed rows
/// and not come to its end, and the table has rows or nobody can see whether it has. The state has forgotten that load
/// (it was lost, moved or reset, or is an older copy), or the run that it belongs to would go on with it. Not with
/// ctx.allow_doubled_rows. `has_rows` is asked only when that matters.
Status check_no_broken_off_load(const StreamContext& ctx, const NewestReceipt& receipt, const std::string& table,
                                const std::function<Result<bool>()>& has_rows);

/// Whether the stream would append from the beginning, incrementally, though it has no load to go on with: then rows
/// that an earlier load of this stream left would be doubled. See check_not_loaded_before().
bool appends_from_the_beginning(const StreamContext& ctx);
/// For appends_from_the_beginning(): POSITION_MISSING (config) when the receipt speaks of rows that would be doubled,
/// so is of another load than ctx.load_id and not of one that found nothing to begin with, and the table has rows or
/// nobody can see whether it has. Not with ctx.allow_doubled_rows. `has_rows` is asked only when that matters.
Status check_not_loaded_before(const StreamContext& ctx, const NewestReceipt& receipt, const std::string& table,
                               const std::function<Result<bool>()>& has_rows);

}  // namespace rapidbyte::sdk
