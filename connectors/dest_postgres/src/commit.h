#pragma once
// Commits rows with their receipt so that the outcome is known even when the server's answer is lost: the transaction's
// number and the receipt that it wrote are looked up on a new connection.

#include <string>

#include "rapidbyte/sdk/context.h"
#include "src/receipts.h"
#include "src/session.h"

namespace rapidbyte::dest_postgres {

/// Writes `receipt` into the open transaction and commits. Ok: everything is durable, even if the connection was lost
/// in between and the session now has another one. Otherwise nothing was kept, and the error says commit_state
/// before-commit; or COMMIT_UNKNOWN (transient-network), commit_state after-commit-unknown, when the server could not
/// be asked: the receipt will tell the next attempt. `last`: the receipt after which these rows begin; RECEIPT_CHANGED
/// when it is not the newest. `written`: the table that has the rows.
Status commit_with_receipt(Session& session, Receipts& receipts, const sdk::StreamContext& ctx, const Receipt& receipt,
                           const std::optional<Receipt>& last, const TableName& written);

}  // namespace rapidbyte::dest_postgres
