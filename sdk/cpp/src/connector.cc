#include "rapidbyte/sdk/connector.h"

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::sdk {

std::string Catalog::to_text() const {
  Json list = Json::array();
  for (const CatalogStream& stream : streams) {
    Json modes = Json::array();
    for (const SyncMode mode : stream.supported_sync_modes) modes.push_back(std::string(to_string(mode)));
    Json entry = {
        {"name", stream.name}, {"schema", stream.schema.to_json()}, {"supported_sync_modes", std::move(modes)}};
    entry["source_defined_cursor"] = stream.source_defined_cursor ? Json(*stream.source_defined_cursor) : Json();
    entry["source_defined_primary_key"] =
        stream.source_defined_primary_key.empty() ? Json() : Json(stream.source_defined_primary_key);
    list.push_back(std::move(entry));
  }
  return sdk::to_text(Json{{"streams", std::move(list)}});
}

namespace adapter {

Status not_open(std::string_view function) {
  return internal_error(codes::kNotOpen, std::string(function) + " was called before open() or after close()");
}

std::string partitions_text(const std::vector<Json>& partitions) { return to_text(Json(partitions)); }

std::optional<std::vector<std::string>> asked_references(std::string_view ctx_json) {
  const auto question = parse_json(ctx_json);
  if (!question.ok()) return std::nullopt;
  const Json* ask = find_member(*question, "ask");
  const Json* streams = find_member(*question, "streams");
  if (ask == nullptr || as_string(*ask) != "references" || streams == nullptr || !streams->is_array())
    return std::nullopt;
  std::vector<std::string> names;
  for (const Json& stream : *streams) names.emplace_back(as_string(stream).value_or(""));
  return names;
}

std::string references_text(const std::vector<StreamReference>& references) {
  Json listed = Json::object();
  for (const StreamReference& reference : references) listed[reference.stream].push_back(reference.refers_to);
  return to_text({{"references", std::move(listed)}});
}

bool asked_plan(const StreamContext& ctx) {
  const Json* ask = find_member(ctx.raw, "ask");
  return ask != nullptr && as_string(*ask) == "plan";
}

Status answer_plan(const TransformPlan& plan) {
  return host::checkpoint(host::CheckpointKind::kTransform, to_text({{"plan", plan.to_json()}}));
}

}  // namespace adapter

Json TransformPlan::to_json() const {
  return {{"columns", columns.to_json()}, {"stateless", stateless}, {"note", note}};
}

}  // namespace rapidbyte::sdk
