// Rejected records: whatever a guest says, the file has one line of sound JSON for it, and nothing of the record is
// lost.

#include <unistd.h>

#include <filesystem>

#include "fuzz_input.h"
#include "rapidbyte/engine/report/dlq.h"
#include "rapidbyte/protocol/untrusted_json.h"

using namespace rapidbyte;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("rapidbyte-fuzz-dlq-" + std::to_string(getpid()));
  fuzz::Input input(data, size);
  runtime::DlqRecord record;
  record.stream = input.short_text();
  record.error_category = input.short_text();
  record.error_message = input.short_text();
  record.record_json = input.text();
  std::filesystem::remove(path);
  {
    engine::DlqWriter writer(path, size_t{1} << 30U, "p", "r");
    fuzz::check(writer.append("source-x", record).ok(), "a record is written");
  }
  std::string line(std::filesystem::file_size(path), '\0');
  std::FILE* file = std::fopen(path.c_str(), "rb");
  fuzz::check(file != nullptr && std::fread(line.data(), 1, line.size(), file) == line.size(), "the file is there");
  std::fclose(file);
  std::filesystem::remove(path);
  fuzz::check(!line.empty() && line.find('\n') == line.size() - 1, "one line for one record");
  fuzz::check(line.find('\0') == std::string::npos, "no zero byte, at which some readers would stop");
  protocol::JsonLimits limits = protocol::kRecordLimits;
  limits.max_depth += 2;
  const auto entry = protocol::parse_untrusted(line, limits);
  fuzz::check(entry.ok() && entry->is_object() && entry->contains("record"), "the line is JSON");
  const auto given = protocol::parse_untrusted(record.record_json, protocol::kRecordLimits);
  if (given.ok() && !record.record_json.starts_with("\xEF\xBB\xBF"))
    fuzz::check((*entry)["record"] == *given, "the record is as it was");
  return 0;
}
