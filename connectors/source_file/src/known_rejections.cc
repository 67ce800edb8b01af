#include "known_rejections.h"

#include <string>

#include "prefix_hash.h"

namespace rapidbyte::source_file {

uint64_t KnownRejections::key(std::string_view file, uint64_t offset, std::string_view record) {
  PrefixHash hash;
  const std::string place = std::string(file) + "\n" + std::to_string(offset) + "\n";
  hash.feed(place.data(), place.size());
  hash.feed(record.data(), record.size());
  return hash.value();
}

sdk::Json KnownRejections::to_json() const {
  sdk::Json out = sdk::Json::array();
  for (const uint64_t key : keys_) out.push_back(hash_text(key));
  return out;
}

void KnownRejections::add(const sdk::Json& list) {
  if (!list.is_array()) return;
  for (const sdk::Json& entry : list) {
    if (const auto text = sdk::as_string(entry)) {
      if (const auto key = hash_of_text(*text)) add(*key);
    }
  }
}

}  // namespace rapidbyte::source_file
