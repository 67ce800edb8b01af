#include "resume_position.h"

#include "prefix_hash.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_file {

namespace {

using sdk::Json;
using sdk::Result;
using sdk::Status;

std::optional<uint64_t> hash_member(const Json& json, std::string_view key) {
  const auto text = sdk::string_member(json, key);
  return text ? hash_of_text(*text) : std::nullopt;
}

}  // namespace

Json ResumePosition::to_json() const {
  Json json = Json::object();
  json["files_done"] = files_done;
  json["done_hash"] = hash_text(done_hash);
  if (!file.empty()) {
    json["file"] = file;
    json["offset"] = at.offset;
    json["lines"] = at.lines;
    json["hash"] = hash_text(at.hash);
  }
  if (!cursor_max.is_null()) json["cursor_max"] = cursor_max.to_json();
  if (!meaning.is_null()) json["meaning"] = meaning;
  if (!rejected.empty()) json["rejected"] = rejected.to_json();
  return json;
}

Result<ResumePosition> ResumePosition::from_json(const Json& json) {
  ResumePosition out;
  const auto invalid = [](std::string_view key) {
    return sdk::internal_error(codes::kInvalidResume, "the checkpoint to resume from has no usable position." +
                                                          std::string(key) + "; " + restart_hint());
  };
  const auto files_done = sdk::uint_member(json, "files_done");
  const auto done_hash = hash_member(json, "done_hash");
  if (!files_done) return invalid("files_done");
  if (!done_hash) return invalid("done_hash");
  out.files_done = *files_done;
  out.done_hash = *done_hash;
  if (const auto file = sdk::string_member(json, "file")) {
    out.file = *file;
    const auto offset = sdk::uint_member(json, "offset");
    const auto hash = hash_member(json, "hash");
    if (!offset) return invalid("offset");
    if (!hash) return invalid("hash");
    out.at.offset = *offset;
    out.at.hash = *hash;
    out.at.lines = sdk::uint_member(json, "lines").value_or(0);
  }
  if (const Json* cursor = sdk::find_member(json, "cursor_max")) {
    RB_SDK_ASSIGN_OR_RETURN(out.cursor_max, sdk::CursorValue::from_json(*cursor));
  }
  if (const Json* meaning = sdk::find_member(json, "meaning")) out.meaning = *meaning;
  if (const Json* rejected = sdk::find_member(json, "rejected")) out.rejected.add(*rejected);
  return out;
}

uint64_t hash_of_files(const std::vector<FileEntry>& files, uint64_t count) {
  PrefixHash hash;
  for (uint64_t i = 0; i < count && i < files.size(); ++i) {
    const std::string line = files[i].name + "\n" + std::to_string(files[i].size) + "\n";
    hash.feed(line.data(), line.size());
  }
  return hash.value();
}

std::string restart_hint(const std::string& stream) {
  return "load the stream again from the beginning: if write_mode is append, empty the target table first, or rows are "
         "doubled; then: "
         "rapidbyte state reset PIPELINE.yaml --stream " +
         (stream.empty() ? "NAME" : "'" + stream + "'");
}

Status source_changed(const std::string& stream, const std::string& what) {
  return sdk::data_error(
      codes::kSourceChanged,
      "stream '" + stream + "': an interrupted load cannot be resumed, because " + what +
          ". What was loaded so far may no longer fit the files. Put the files back as they were, or " +
          restart_hint(stream));
}

Status check_position(const ResumePosition& position, const std::vector<FileEntry>& files, const std::string& stream) {
  if (position.files_done > files.size() || hash_of_files(files, position.files_done) != position.done_hash) {
    return source_changed(stream,
                          "the files that were already read have changed: some were removed, renamed or resized, or "
                          "new ones come before them in the order of names");
  }
  if (position.file.empty()) return {};
  if (position.files_done == files.size()) return source_changed(stream, "file '" + position.file + "' is gone");
  const std::string& next = files[position.files_done].name;
  if (next != position.file) {
    return source_changed(stream, "file '" + next + "' is now where file '" + position.file + "' was being read");
  }
  return {};
}

}  // namespace rapidbyte::source_file
