#pragma once
// Reads JSON from outside into a nlohmann::json of bounded depth and size. A value that is too deep or too large is
// never built, because copying, comparing and printing a nlohmann::json recurse: a hundred thousand levels would end
// the process with a stack overflow. Throws nothing. Pure functions, any thread.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/protocol/json.h"

namespace rapidbyte::protocol {

struct JsonLimits {
  /// Bytes of the text.
  size_t max_bytes = 0;
  /// Lists and objects inside one another; 0 allows only a bare text, number, boolean or null.
  size_t max_depth = 0;
  /// Total number of values, including containers. Each takes up to about 150 bytes of memory.
  size_t max_values = 0;
};

enum class JsonDefect { kNone, kNotJson, kTooLarge, kTooDeep, kTooManyValues };

struct BoundedJson {
  /// Everything up to the error, null when the text is too large. Bounded in any case.
  nlohmann::json value;
  JsonDefect defect = JsonDefect::kNone;
  /// kNotJson: the byte of the error, from 1.
  size_t position = 0;
  /// kTooDeep, kTooManyValues: a JSON pointer to the place, cut to a few steps and bytes.
  std::string place;
};

/// Builds the value as nlohmann's own parser does (the last of two equal keys wins), within limits. With `build` false
/// it only checks the limits and the syntax.
class BoundedJsonHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  using Json = nlohmann::json;

  BoundedJsonHandler(const JsonLimits& limits, bool build, BoundedJson& out)
      : limits_(limits), build_(build), out_(out) {}

  bool null() override { return add(nullptr) != nullptr; }
  bool boolean(bool value) override { return add(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t& /*text*/) override { return add(value) != nullptr; }
  bool string(string_t& value) override { return add(std::move(value)) != nullptr; }
  bool binary(binary_t& /*value*/) override { return false; }  // JSON text has none
  bool start_object(std::size_t /*elements*/) override { return open(Json::value_t::object); }
  bool start_array(std::size_t /*elements*/) override { return open(Json::value_t::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    if (build_) member_ = &(*containers_.back()->get_ptr<Json::object_t*>())[value];
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/, const Json::exception& /*why*/) override {
    out_.defect = JsonDefect::kNotJson;
    out_.position = position;
    return false;
  }

 private:
  template <typename T>
  Json* add(T&& value) {
    if (values_ == limits_.max_values) return stop(JsonDefect::kTooManyValues);
    ++values_;
    if (!build_) return &out_.value;
    if (containers_.empty()) {
      out_.value = Json(std::forward<T>(value));
      return &out_.value;
    }
    if (auto* list = containers_.back()->get_ptr<Json::array_t*>()) {
      list->emplace_back(std::forward<T>(value));
      return &list->back();
    }
    *member_ = Json(std::forward<T>(value));
    return member_;
  }

  bool open(Json::value_t type) {
    if (depth_ == limits_.max_depth) return stop(JsonDefect::kTooDeep) != nullptr;
    Json* container = add(type);
    if (container == nullptr) return false;
    ++depth_;
    if (build_) containers_.push_back(container);
    return true;
  }

  bool close() {
    --depth_;
    if (build_) containers_.pop_back();
    return true;
  }

  Json* stop(JsonDefect defect) {
    // A longer place does not help a reader.
    constexpr size_t kMaxSteps = 8;
    constexpr size_t kMaxStepBytes = 64;
    out_.defect = defect;
    for (size_t i = 0; i < containers_.size() && i <= kMaxSteps; ++i) {
      if (i == kMaxSteps) {
        out_.place += "/...";
        break;
      }
      const Json* child = i + 1 < containers_.size() ? containers_[i + 1] : nullptr;
      out_.place += '/';
      if (const auto* list = containers_[i]->get_ptr<Json::array_t*>()) {
        out_.place += std::to_string(child == nullptr ? list->size() : list->size() - 1);
        continue;
      }
      if (child == nullptr) child = member_;
      const auto& members = *containers_[i]->get_ptr<Json::object_t*>();
      const auto at =
          std::find_if(members.begin(), members.end(), [&](const auto& entry) { return &entry.second == child; });
      if (at != members.end()) out_.place += at->first.substr(0, kMaxStepBytes);
    }
    return nullptr;
  }

  JsonLimits limits_;
  bool build_;
  BoundedJson& out_;
  size_t values_ = 0;
  size_t depth_ = 0;
  std::vector<Json*> containers_;
  Json* member_ = nullptr;
};

/// Reads `text` within `limits`.
inline BoundedJson read_bounded_json(std::string_view text, const JsonLimits& limits, bool build = true) {
  BoundedJson out;
  if (text.size() > limits.max_bytes) {
    out.defect = JsonDefect::kTooLarge;
    return out;
  }
  BoundedJsonHandler handler(limits, build, out);
  (void)nlohmann::json::sax_parse(text, &handler);
  // The library takes a zero byte for the end of the text and ignores everything after it. Such a text is not JSON, and
  // passing it on unchanged would pass on unchecked bytes.
  const size_t zero = out.defect == JsonDefect::kNone ? text.find('\0') : std::string_view::npos;
  if (zero != std::string_view::npos) {
    out.value = nlohmann::json();
    out.defect = JsonDefect::kNotJson;
    out.position = zero + 1;
  }
  return out;
}

/// What is wrong as the end of a sentence: "is nested deeper than 64 levels, at /streams/0".
inline std::string describe_json_defect(const BoundedJson& read, size_t bytes, const JsonLimits& limits) {
  switch (read.defect) {
    case JsonDefect::kNone: return "is fine";
    case JsonDefect::kNotJson:
      if (read.position > bytes) return "is not JSON: it ends too early, after " + std::to_string(bytes) + " bytes";
      return "is not JSON: it goes wrong at byte " + std::to_string(read.position) + " of " + std::to_string(bytes);
    case JsonDefect::kTooLarge:
      return "has " + std::to_string(bytes) + " bytes; " + std::to_string(limits.max_bytes) + " are allowed";
    case JsonDefect::kTooDeep:
      return "is nested deeper than " + std::to_string(limits.max_depth) + " levels, at " +
             (read.place.empty() ? "its beginning" : read.place);
    case JsonDefect::kTooManyValues:
      return "has more than " + std::to_string(limits.max_values) + " values; the next one is at " +
             (read.place.empty() ? "its beginning" : read.place);
  }
  return "is not understood";
}

}  // namespace rapidbyte::protocol
