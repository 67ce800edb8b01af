#pragma once
// KnownRejections: the records of an incremental stream that earlier runs rejected. Such a record has no cursor value
// that shows that it is old, and every run reads its file again, so without this it would be rejected and counted each
// time. A record is identified by its file, its position and its bytes: when one of them changes it is a new record.

#include <cstdint>
#include <set>
#include <string_view>

#include "rapidbyte/sdk/json.h"

namespace rapidbyte::source_file {

class KnownRejections {
 public:
  /// The list is part of checkpoints, 19 bytes for each. Files with more bad records than this have another problem;
  /// those beyond the limit are rejected by each run.
  static constexpr size_t kMost = 2000;

  static uint64_t key(std::string_view file, uint64_t offset, std::string_view record);
  [[nodiscard]] bool has(uint64_t key) const { return keys_.contains(key); }
  void add(uint64_t key) {
    if (keys_.size() < kMost) keys_.insert(key);
  }
  [[nodiscard]] bool empty() const { return keys_.empty(); }
  [[nodiscard]] bool full() const { return keys_.size() == kMost; }

  [[nodiscard]] sdk::Json to_json() const;
  /// Adds those of to_json(); anything else in it is ignored.
  void add(const sdk::Json& list);

 private:
  std::set<uint64_t> keys_;
};

}  // namespace rapidbyte::source_file
