#include "rapidbyte/cli/document.h"

#include <string>

namespace rapidbyte::cli {

bool write_text(Terminal& data, std::string_view text, Terminal& talk) {
  if (data.write(text)) return true;
  talk.write("error: stdout cannot be written: is the disk full?\n");
  return false;
}

bool write_document(Terminal& data, const nlohmann::json& document, Terminal& talk) {
  return write_text(data, document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n", talk);
}

}  // namespace rapidbyte::cli
