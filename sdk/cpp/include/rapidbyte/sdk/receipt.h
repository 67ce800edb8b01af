#pragma once
// Whether a destination's newest receipt and the position that an incremental run starts from agree. The state is
// stored apart from the table: either may be an older copy, be lost, or be written by someone else. Starting from a
// position that is newer than the table leaves rows out for good; starting from an older one doubles rows in an append
// (docs/adr/0023).

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::sdk {

/// The parts of a receipt that are compared.
struct NewestReceipt {
  std::string load_id;
  /// The source checkpoint of its commit; empty when the load has begun and committed nothing.
  std::string checkpoint_json;
  /// Rows of its load so far; nullopt when unknown.
  std::optional<int64_t> rows = {};
  /// False for a replace that was never published: its rows are in the staging table, and the receipt says nothing
  /// about the target.
  bool of_table = true;
};

/// Whether the stream begins after rows of earlier loads: incremental, with a cursor, and without a load to resume.
bool begins_after_cursor(const StreamContext& ctx);

/// For begins_after_cursor(): Ok when the receipt's cursor is the one that the run starts from, or when the receipt is
/// not about the target. For an upsert the receipt may be newer, because writing the same rows again changes nothing.
/// Otherwise RECEIPT_FOREIGN (config), unless the user says that the rows before the cursor are there (an older
/// receipt: ctx.keep_positions) or may be there twice (a newer one: ctx.allow_doubled_rows). `table`: the target as the
/// user knows it, with its database.
Status check_receipt_fits(const StreamContext& ctx, const NewestReceipt& receipt, const std::string& table);

/// Whether the stream would append all of its rows: a full refresh without a load to resume. See
/// check_no_interrupted_load().
bool appends_all(const StreamContext& ctx);
/// For appends_all(): POSITION_MISSING (config) when the newest receipt is from another load, which has committed rows
/// and not completed, and the table has rows or nobody can tell whether it has. The state no longer knows that load (it
/// was lost, moved or reset, or is an older copy); otherwise the run would have resumed it. Not with
/// ctx.allow_doubled_rows. `has_rows` is called only when the answer matters.
Status check_no_interrupted_load(const StreamContext& ctx, const NewestReceipt& receipt, const std::string& table,
                                 const std::function<Result<bool>()>& has_rows);

/// Whether the stream would append from the beginning, incrementally, without a load to resume: rows that an earlier
/// load of this stream left would then be doubled. See check_not_loaded_before().
bool appends_from_the_beginning(const StreamContext& ctx);
/// For appends_from_the_beginning(): POSITION_MISSING (config) when the receipt stands for rows that would be doubled,
/// that is, when it is from a load other than ctx.load_id and that load did not start from an empty source, and the
/// table has rows or nobody can tell whether it has. Not with ctx.allow_doubled_rows. `has_rows` is called only when
/// the answer matters.
Status check_not_loaded_before(const StreamContext& ctx, const NewestReceipt& receipt, const std::string& table,
                               const std::function<Result<bool>()>& has_rows);

}  // namespace rapidbyte::sdk
