#pragma once
// Which of a pipeline's tables refer to each other by foreign keys: the host loads referenced tables first.

#include <string>
#include <utility>
#include <vector>

#include "rapidbyte/sdk/context.h"
#include "src/session.h"
#include "src/table_name.h"

namespace rapidbyte::dest_postgres {

/// Pairs of indexes into `tables`: rows of the first are checked against rows of the second when they arrive. A
/// partitioned table and its partitions count for each other. Tables that do not exist refer to nothing, and neither
/// does any table when this session's foreign keys are not checked (session_replication_role = replica). Requires an
/// open session.
Result<std::vector<std::pair<size_t, size_t>>> foreign_keys_between(Session& session,
                                                                    const std::vector<TableName>& tables);

/// What to do when the foreign keys between tables form a cycle (ctx.reference_ring is not empty): a sentence for
/// messages.
std::string ring_advice(const sdk::StreamContext& ctx);

}  // namespace rapidbyte::dest_postgres
