#include "rapidbyte/sdk/host.h"

#include <cstring>

#include "metric_call.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::sdk {

Bytes Bytes::copy_of(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return {};
  auto* block = static_cast<uint8_t*>(std::malloc(bytes.size()));
  if (block == nullptr) std::abort();
  std::memcpy(block, bytes.data(), bytes.size());
  return adopt(block, bytes.size());
}

namespace host {

namespace {

template <typename T>
Status send(std::string_view name, const char* kind, T value, const Labels& labels) {
  Json list = Json::array();
  for (const auto& [key, label] : labels) list.push_back(Json::array({std::string(key), std::string(label)}));
  Json payload = {{"name", std::string(name)}, {"value", {{kind, value}}}, {"labels", std::move(list)}};
  return send_metric(to_text(payload));
}

}  // namespace

Status counter(std::string_view name, uint64_t value, const Labels& labels) {
  return send(name, "counter", value, labels);
}
Status gauge(std::string_view name, double value, const Labels& labels) { return send(name, "gauge", value, labels); }
Status histogram(std::string_view name, double value, const Labels& labels) {
  return send(name, "histogram", value, labels);
}

}  // namespace host
}  // namespace rapidbyte::sdk
