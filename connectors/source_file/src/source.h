#pragma once
// FileSource: the source-file connector as the SDK expects it. Holds the checked options between open() and close(),
// and nothing else: everything about a stream is local to the call that reads it, so an instance may read many.

#include "options.h"
#include "rapidbyte/sdk/connector.h"

namespace rapidbyte::source_file {

class FileSource {
 public:
  sdk::Status open(const sdk::Json& config);
  /// The streams of the pipeline; without any, one for each file in the folder whose name says its format.
  sdk::Result<sdk::Catalog> discover();
  sdk::Result<sdk::Validation> validate();
  sdk::Result<sdk::ReadSummary> read(const sdk::StreamContext& ctx);

 private:
  sdk::Result<std::vector<StreamOptions>> streams() const;
  SourceOptions options_;
};

}  // namespace rapidbyte::source_file
