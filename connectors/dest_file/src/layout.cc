#include "connectors/dest_file/src/layout.h"

#include <cstdint>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::dest_file {
namespace {

constexpr size_t kMaxNameBytes = 200;
constexpr size_t kTagLength = 12;

// FNV-1a. What is kept under a key says whose it is, so that two pipelines of one key are found out.
std::string key_of(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  std::string key;
  for (int shift = 60; shift >= 0; shift -= 4) key += "0123456789abcdef"[(hash >> static_cast<unsigned>(shift)) & 15U];
  return key;
}

Status refused(const std::string& stream, const std::string& why) {
  return sdk::config_error(codes::kNameRefused, "stream \"" + stream + "\" cannot be a folder's name: " + why +
                                                    ". Leave it out, or give it another name in the source's `query`.");
}

}  // namespace

Status check_folder_name(const std::string& stream) {
  if (stream.empty()) return refused(stream, "it is empty");
  if (stream[0] == '.' || stream[0] == '_')
    return refused(stream, "readers skip names that begin with a dot or an underscore");
  if (stream.size() > kMaxNameBytes) return refused(stream, "it has more than 200 bytes");
  for (const char c : stream) {
    if (c == '/' || c == '\\') return refused(stream, "it has a slash");
    if (static_cast<unsigned char>(c) < 0x20U || c == 0x7f) return refused(stream, "it has a control character");
  }
  return {};
}

std::string folder_key(const std::string& stream) {
  std::string key = stream;
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return key;
}

Layout::Layout(const std::string& root, const sdk::StreamContext& ctx)
    : root_(root),
      stream_folder_(root + "/" + ctx.stream_name),
      own_folder_(root + "/_rapidbyte/" + ctx.stream_name),
      pipeline_key_(key_of(ctx.pipeline)),
      receipt_key_(ctx.partition.is_null() ? pipeline_key_ : pipeline_key_ + "-" + key_of(sdk::to_text(ctx.partition))),
      staged_folder_(own_folder_ + "/" + pipeline_key_ + ".staged") {}

std::string load_tag(const std::string& load_id) {
  std::string tag;
  // The end of an id differs sooner than its beginning.
  for (size_t i = load_id.size(); i > 0 && tag.size() < kTagLength; --i) {
    const char c = load_id[i - 1];
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) tag.insert(tag.begin(), c);
  }
  return tag.empty() ? "load" : tag;
}

}  // namespace rapidbyte::dest_file
