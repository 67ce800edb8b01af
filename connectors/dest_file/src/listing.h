#pragma once
// Listing: which files are a stream's table, and its columns. It lies in the stream's folder as _rapidbyte.json and is
// exchanged whole, so that a reader that goes by it sees all of a commit or nothing.

#include <cstdint>
#include <string>
#include <vector>

#include "connectors/dest_file/src/file_system.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::dest_file {

struct ListedFile {
  std::string name;  // below the stream's folder
  uint64_t rows = 0;
  uint64_t bytes = 0;

  bool operator==(const ListedFile&) const = default;
  [[nodiscard]] sdk::Json to_json() const;
  /// LISTING_DAMAGED (internal).
  static Result<ListedFile> from_json(const sdk::Json& json);
};

struct Listing {
  sdk::Schema columns;
  std::vector<ListedFile> files;

  [[nodiscard]] uint64_t rows() const;
  [[nodiscard]] sdk::Json to_json() const;
  static Result<Listing> from_json(const sdk::Json& json);
  /// Nullopt when there is none. LISTING_DAMAGED (internal).
  static Result<std::optional<Listing>> read(const std::string& path);
};

/// LISTING_DAMAGED (internal): a file of ours is not what we wrote.
Status damaged(const std::string& path, const std::string& why);

}  // namespace rapidbyte::dest_file
