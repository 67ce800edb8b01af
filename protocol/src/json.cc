#include "rapidbyte/protocol/json.h"

#include <limits>

namespace rapidbyte::protocol {

std::string json_text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json* find_member(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  return &*found;
}

std::optional<std::string_view> as_string(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  return std::string_view(*value.get_ptr<const Json::string_t*>());
}

std::optional<int64_t> as_int(const Json& value) {
  if (value.is_number_unsigned()) {
    const uint64_t number = *value.get_ptr<const Json::number_unsigned_t*>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return *value.get_ptr<const Json::number_integer_t*>();
  return std::nullopt;
}

std::optional<uint64_t> as_uint(const Json& value) {
  if (value.is_number_unsigned()) return *value.get_ptr<const Json::number_unsigned_t*>();
  if (value.is_number_integer()) {
    const int64_t number = *value.get_ptr<const Json::number_integer_t*>();
    if (number < 0) return std::nullopt;
    return static_cast<uint64_t>(number);
  }
  return std::nullopt;
}

std::optional<double> as_double(const Json& value) {
  if (value.is_number_float()) return *value.get_ptr<const Json::number_float_t*>();
  if (value.is_number_unsigned()) return static_cast<double>(*value.get_ptr<const Json::number_unsigned_t*>());
  if (value.is_number_integer()) return static_cast<double>(*value.get_ptr<const Json::number_integer_t*>());
  return std::nullopt;
}

std::optional<bool> as_bool(const Json& value) {
  if (!value.is_boolean()) return std::nullopt;
  return *value.get_ptr<const Json::boolean_t*>();
}

std::optional<std::string> string_member(const Json& object, std::string_view key) {
  const Json* member = find_member(object, key);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return *member->get_ptr<const Json::string_t*>();
}
std::string text_member(const Json& object, std::string_view key) { return string_member(object, key).value_or(""); }
std::optional<int64_t> int_member(const Json& object, std::string_view key) {
  const Json* member = find_member(object, key);
  return member == nullptr ? std::nullopt : as_int(*member);
}
std::optional<uint64_t> uint_member(const Json& object, std::string_view key) {
  const Json* member = find_member(object, key);
  return member == nullptr ? std::nullopt : as_uint(*member);
}
std::optional<double> double_member(const Json& object, std::string_view key) {
  const Json* member = find_member(object, key);
  return member == nullptr ? std::nullopt : as_double(*member);
}
std::optional<bool> bool_member(const Json& object, std::string_view key) {
  const Json* member = find_member(object, key);
  return member == nullptr ? std::nullopt : as_bool(*member);
}

std::string_view describe_type(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::object: return "an object";
    case Json::value_t::array: return "a list";
    case Json::value_t::string: return "a string";
    case Json::value_t::boolean: return "a boolean";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned: return "an integer";
    case Json::value_t::number_float: return "a number";
    case Json::value_t::binary:
    case Json::value_t::discarded: break;
  }
  return "something else";
}

}  // namespace rapidbyte::protocol
