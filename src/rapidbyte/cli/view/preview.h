#pragma once
// What --dry-run shows: the first rows of each stream as a table on stdout, or in the JSON report. Filled by the
// engine's threads, read by the command after the run. These are the user's data, shown as they are: redaction is for
// messages.

#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/cli/view/table_printer.h"
#include "rapidbyte/engine/report/run_observer.h"

namespace rapidbyte::cli {

class PreviewCollector : public engine::RunObserver {
 public:
  void preview(std::string_view stream, const engine::Preview& preview) override;

  /// A heading and a table per stream, in the order of `streams`; streams without a preview are left out.
  [[nodiscard]] std::string render(const std::vector<std::string>& streams, const TableStyle& style) const;
  /// {"<stream>": {"columns": [{name, type}], "rows": [[text or null]]}}.
  [[nodiscard]] nlohmann::json to_json() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, engine::Preview>> previews_;
};

/// Numbers are right-aligned.
[[nodiscard]] Align align_of(std::string_view data_type);

}  // namespace rapidbyte::cli
