#include "connectors/source_parquet/src/position.h"

#include <algorithm>

#include "connectors/source_parquet/src/file_stamp.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_parquet {

using sdk::Json;
using sdk::Result;
using sdk::Status;
using source_file::FileEntry;

Json Position::to_json() const {
  return {{"files_done", files_done}, {"done_hash", done_hash}, {"row", row}, {"highest", highest}, {"about", about}};
}

Result<Position> Position::from_json(const Json& json) {
  const auto files_done = sdk::uint_member(json, "files_done");
  const auto done_hash = sdk::uint_member(json, "done_hash");
  const auto row = sdk::uint_member(json, "row");
  const Json* highest = sdk::find_member(json, "highest");
  const Json* about = sdk::find_member(json, "about");
  if (!files_done || !done_hash || !row || highest == nullptr || about == nullptr ||
      !(highest->is_null() || highest->is_string())) {
    return sdk::internal_error(codes::kInvalidResume,
                               "the position to resume from is " + sdk::to_text(json).substr(0, 200));
  }
  return Position{*files_done, *done_hash, *row, *highest, *about};
}

Result<uint64_t> hash_of_files(const std::vector<FileEntry>& files, uint64_t count) {
  uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  const auto add = [&hash](std::string_view bytes) {
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    hash = (hash ^ 0xffU) * 0x100000001b3U;
  };
  for (uint64_t i = 0; i < std::min<uint64_t>(count, files.size()); ++i) {
    add(files[i].name);
    RB_SDK_ASSIGN_OR_RETURN(const FileStamp stamp, FileStamp::of(files[i].path));
    add(std::to_string(stamp.size));
    add(std::to_string(stamp.modified_seconds));
    add(std::to_string(stamp.modified_nanoseconds));
  }
  return hash;
}

Json about_of(const StreamOptions& options, const std::string& cursor_column) {
  return {{"path", options.path},
          {"where", options.where},
          {"hive_partitions", options.hive_partitions},
          {"cursor", cursor_column}};
}

Status check_position(const Position& position, const std::vector<FileEntry>& files, const StreamOptions& options,
                      const std::string& cursor_column) {
  const std::string reset = "To read everything again: rapidbyte state reset PIPELINE.yaml --stream '" + options.name +
                            "' (an append would double the rows that are there)";
  if (position.about != about_of(options, cursor_column)) {
    return sdk::config_error(codes::kCursorChanged,
                             "stream '" + options.name +
                                 "': an interrupted load has read a part with another path, where, hive_partitions or "
                                 "cursor_field. Put them back, or begin again. " +
                                 reset);
  }
  const uint64_t touched = position.files_done + (position.row > 0 ? 1 : 0);
  RB_SDK_ASSIGN_OR_RETURN(const uint64_t hash, hash_of_files(files, touched));
  if (touched > files.size() || position.done_hash != hash) {
    return sdk::data_error(codes::kSourceChanged, "stream '" + options.name +
                                                      "': the files that an interrupted load has read have changed, or "
                                                      "files were put before them. Put them back, or begin again. " +
                                                      reset);
  }
  return {};
}

}  // namespace rapidbyte::source_parquet
