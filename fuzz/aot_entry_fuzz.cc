// The cache of compiled code: an entry is loaded only when its bytes are those that were stored, whatever lies there.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "fuzz_input.h"
#include "rapidbyte/runtime/sandbox/aot_cache.h"

using namespace rapidbyte;

namespace {

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::filesystem::path folder = [] {
    const auto made = std::filesystem::temp_directory_path() / ("rapidbyte-fuzz-aot-" + std::to_string(getpid()));
    std::filesystem::create_directory(made);
    std::filesystem::permissions(made, std::filesystem::perms::owner_all);
    std::atexit([] {
      std::error_code ignored;
      std::filesystem::remove_all(
          std::filesystem::temp_directory_path() / ("rapidbyte-fuzz-aot-" + std::to_string(getpid())), ignored);
    });
    return made;
  }();
  static const runtime::AotCache cache(folder);
  fuzz::Input input(data, size);
  const bool sound = input.byte() % 2 == 0;
  const std::string hash(input.short_text());
  const std::string name(input.short_text());
  const std::string entry(input.text());
  const auto path = cache.entry_path(name, std::string(64, 'a'), 7);
  fuzz::check(path.parent_path() == folder, "an entry is in the folder");
  const std::string right = runtime::cache_entry_hash(std::as_bytes(std::span(entry)));
  write(path, entry);
  write(path.string() + std::string(runtime::kCacheEntryHashSuffix), sound ? right : hash);
  const auto found = cache.find(name, std::string(64, 'a'), 7);
  fuzz::check(!found || sound || hash == right, "what is found was stored so");
  cache.discard(path);
  return 0;
}
