#pragma once
// ResumePosition: how far a read has come, as stored in checkpoints under the key `position`, and what is checked
// before resuming from there. Files are read in sorted order, so a position is: so many files done, and an offset in
// the next one.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "file_set.h"
#include "known_rejections.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"
#include "record_reader.h"

namespace rapidbyte::source_file {

struct ResumePosition {
  uint64_t files_done = 0;
  uint64_t done_hash = 0;       // of the names and sizes of the files that are done
  std::string file;             // the one being read; empty between files
  FilePosition at;              // in that file
  sdk::CursorValue cursor_max;  // highest cursor value of the rows covered; null without a cursor
  sdk::Json meaning;            // PositionMeaning; null in positions of earlier versions
  KnownRejections rejected;     // so far in this load; of incremental reads only

  [[nodiscard]] sdk::Json to_json() const;
  /// INVALID_RESUME (internal).
  static sdk::Result<ResumePosition> from_json(const sdk::Json& json);
};

/// Hash of the names and sizes of the first `count` files.
uint64_t hash_of_files(const std::vector<FileEntry>& files, uint64_t count);

/// Ok when the files that are done, and the one being read, are still the first of `files`. SOURCE_CHANGED (data) says
/// what is different and how to continue.
sdk::Status check_position(const ResumePosition& position, const std::vector<FileEntry>& files,
                           const std::string& stream);

/// How to load a stream again from the beginning without doubling rows, as the end of an error's sentence ("..., or ").
/// `stream` empty: it is named elsewhere.
std::string restart_hint(const std::string& stream = {});

/// The SOURCE_CHANGED error.
sdk::Status source_changed(const std::string& stream, const std::string& what);

}  // namespace rapidbyte::source_file
