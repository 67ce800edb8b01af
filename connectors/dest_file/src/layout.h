#pragma once
// Where things lie in the destination's folder:
//
//   orders/                           a stream's folder
//     part-3f9a1c2b7d04-000001.parquet  files of appends, of a load and its number
//     data.parquet                      a replace's only file; data-<load>-<number> when it has several
//     country=DE/part-...               with partition_by
//     _rapidbyte.json                   which files are the table's, and its columns (listing.h)
//   _rapidbyte/orders/                what a load leaves until it is over, and what is remembered
//     <key>.receipt.json, <key>.journal.json, <key>.staged/
//
// A key stands for a pipeline, and in a receipt's name for its partition, too. Readers that take what a folder has skip
// names that begin with "_".

#include <string>

#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::dest_file {

using sdk::Result;
using sdk::Status;

/// NAME_REFUSED (config) for a stream whose name cannot be a folder's.
Status check_folder_name(const std::string& stream);
/// Lower case of ASCII letters: two that are the same would be one folder on some systems.
std::string folder_key(const std::string& stream);

class Layout {
 public:
  Layout(const std::string& root, const sdk::StreamContext& ctx);

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] const std::string& stream_folder() const { return stream_folder_; }
  [[nodiscard]] const std::string& own_folder() const { return own_folder_; }
  [[nodiscard]] const std::string& staged_folder() const { return staged_folder_; }
  [[nodiscard]] std::string listing() const { return stream_folder_ + "/_rapidbyte.json"; }
  [[nodiscard]] std::string receipt() const { return own_folder_ + "/" + receipt_key_ + ".receipt.json"; }
  [[nodiscard]] std::string journal() const { return own_folder_ + "/" + pipeline_key_ + ".journal.json"; }
  /// There once a replace has rows or columns to publish.
  [[nodiscard]] std::string staged_columns() const { return staged_folder_ + "/columns.json"; }

 private:
  std::string root_;
  std::string stream_folder_;
  std::string own_folder_;
  std::string pipeline_key_;
  std::string receipt_key_;
  std::string staged_folder_;
};

/// What stands for a load in the names of files: letters and digits of its id, twelve at most.
std::string load_tag(const std::string& load_id);

}  // namespace rapidbyte::dest_file
