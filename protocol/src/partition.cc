#include "rapidbyte/protocol/partition.h"

#include <utility>

#include "joined.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::protocol {
namespace {

Status invalid(std::string message) { return schema_error(codes::kPartitionsInvalid, std::move(message)); }

}  // namespace

Result<std::vector<Json>> parse_partitions(std::string_view text) {
  auto parsed = parse_untrusted(text, kPartitionsLimits);
  if (!parsed.ok()) return invalid(joined("gave an answer that ", parsed.error().message));
  if (!parsed->is_array()) return invalid("did not answer with a list");
  if (parsed->size() > kMaxPartitions)
    return invalid(joined("answered with ", parsed->size(), " partitions; ", kMaxPartitions, " are possible"));
  std::vector<Json> partitions;
  for (Json& partition : *parsed) {
    // Null means a stream that is not split: a source that got it would read everything.
    if (partition.is_null()) return invalid("answered with a null among the partitions");
    if (const size_t bytes = json_text(partition).size(); bytes > kMaxPartitionBytes)
      return invalid(joined("answered with a partition of ", bytes, " bytes; ", kMaxPartitionBytes, " are possible"));
    partitions.push_back(std::move(partition));
  }
  return partitions;
}

}  // namespace rapidbyte::protocol
