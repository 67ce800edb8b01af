#include "rapidbyte/protocol/feature.h"

#include "enum_names.h"

namespace rapidbyte::protocol {
namespace {

constexpr std::array<std::string_view, 14> kNames = {"empty-streams",  "idempotent",       "open-early", "partitioned",
                                                     "plan",           "receipts",         "resume",     "reuse",
                                                     "single-writer",  "special-values",   "stateful",   "stateless",
                                                     "stream-options", "stream-references"};
static_assert(kNames.size() == static_cast<size_t>(Feature::kStreamReferences) + 1);

}  // namespace

std::string_view to_string(Feature feature) { return name_of(kNames, feature); }
std::optional<Feature> feature_from_string(std::string_view name) { return find_case<Feature>(kNames, name); }
std::span<const std::string_view> feature_names() { return kNames; }

}  // namespace rapidbyte::protocol
