#pragma once
// PositionOrigin: what an incremental position was made for, kept with it as the member "of": server, database, table,
// cursor column, `where` and the columns that are read. A position of something else would skip rows that were never
// read. Positions without it, from earlier versions, are accepted. Pure but for origin_of().

#include <optional>
#include <string>

#include "catalog.h"
#include "options.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"
#include "session.h"

namespace rapidbyte::source_postgres {

struct OriginChange {
  std::string what;  // the rest of a sentence
  /// The user may know that the rows up to the position are the same (option keep_position).
  bool may_be_kept = true;
};

/// Asks the server who it is; the rest is in `relation` and `options`.
sdk::Result<sdk::Json> origin_of(Session& session, const Relation& relation, const CatalogColumn& cursor,
                                 const StreamOptions& options);
/// `server` (a system identifier) and `database` (an OID) may be empty: unknown.
sdk::Json make_origin(const std::optional<std::string>& server, const std::optional<std::string>& database,
                      const Relation& relation, const CatalogColumn& cursor, const StreamOptions& options);

/// What has changed between the position and now; nullopt: nothing that matters. Added columns, a rewrite of the table
/// (VACUUM FULL), a failover to a replica and a widened cursor (integer to bigint) do not matter.
std::optional<OriginChange> find_origin_change(const sdk::Json& position, const sdk::Json& now);

}  // namespace rapidbyte::source_postgres
