#pragma once
// PostgresSource: the source-postgres connector as the SDK expects it. Holds the checked options between open() and
// close(), and while partitions are read the session whose snapshot they share.

#include <optional>
#include <vector>

#include "options.h"
#include "rapidbyte/sdk/connector.h"
#include "session.h"

namespace rapidbyte::source_postgres {

class PostgresSource {
 public:
  sdk::Status open(const sdk::Json& config);
  /// The streams of the pipeline; without any, every table, view and foreign table that the role may read.
  sdk::Result<sdk::Catalog> discover();
  sdk::Result<sdk::Validation> validate();
  sdk::Result<std::vector<sdk::Json>> plan_partitions(const sdk::StreamContext& ctx, uint32_t want);
  sdk::Result<sdk::ReadSummary> read(const sdk::StreamContext& ctx);
  sdk::Status close();

 private:
  /// The idle session, or a new one.
  sdk::Result<Session> take_session();
  /// The options of a stream, from the config or from the context.
  sdk::Result<StreamOptions> options_of(const sdk::StreamContext& ctx) const;

  SourceOptions options_;
  std::optional<Session> planning_;
  /// Open and outside of a transaction, for the next call: one instance is asked for the streams of the run and reads
  /// several of them (feature "reuse"), and a login costs more than a small read.
  std::optional<Session> idle_;
};

}  // namespace rapidbyte::source_postgres
