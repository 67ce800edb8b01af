#include "rapidbyte/cli/view/preview.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rapidbyte/cli/view/quantities.h"

namespace rapidbyte::cli {

Align align_of(std::string_view data_type) {
  constexpr std::array<std::string_view, 4> kNumbers = {"Int", "UInt", "Float", "Decimal"};
  // "Interval" starts with "Int", too.
  const bool number = std::any_of(kNumbers.begin(), kNumbers.end(),
                                  [&](std::string_view prefix) { return data_type.starts_with(prefix); }) &&
                      !data_type.starts_with("Interval");
  return number ? Align::kRight : Align::kLeft;
}

void PreviewCollector::preview(std::string_view stream, const engine::Preview& preview) {
  std::lock_guard lock(mutex_);
  const auto at =
      std::find_if(previews_.begin(), previews_.end(), [&](const auto& entry) { return entry.first == stream; });
  // A retried stream shows its last attempt.
  if (at != previews_.end()) {
    at->second = preview;
  } else {
    previews_.emplace_back(stream, preview);
  }
}

std::string PreviewCollector::render(const std::vector<std::string>& streams, const TableStyle& style) const {
  std::lock_guard lock(mutex_);
  std::string out;
  for (const std::string& stream : streams) {
    const auto at =
        std::find_if(previews_.begin(), previews_.end(), [&](const auto& entry) { return entry.first == stream; });
    if (at == previews_.end()) continue;
    const engine::Preview& preview = at->second;
    std::vector<TableColumn> columns;
    for (const engine::PreviewColumn& column : preview.columns) {
      columns.push_back({column.name, make_printable(column.type), align_of(column.type)});
    }
    TablePrinter table(std::move(columns));
    for (const auto& row : preview.rows) {
      std::vector<TableCell> cells;
      for (const auto& value : row) cells.push_back({value.value_or(std::string()), !value.has_value()});
      table.add_row(std::move(cells));
    }
    if (!out.empty()) out += "\n";
    const std::string count = preview.rows.empty() ? "no rows" : "first " + format_rows(preview.rows.size());
    out += fmt::format("{} ({})\n{}", make_printable(stream), count, table.render(style));
  }
  return out;
}

nlohmann::json PreviewCollector::to_json() const {
  std::lock_guard lock(mutex_);
  nlohmann::json all = nlohmann::json::object();
  for (const auto& [stream, preview] : previews_) {
    nlohmann::json columns = nlohmann::json::array();
    for (const engine::PreviewColumn& column : preview.columns) {
      columns.push_back({{"name", column.name}, {"type", column.type}});
    }
    nlohmann::json rows = nlohmann::json::array();
    for (const auto& row : preview.rows) {
      nlohmann::json values = nlohmann::json::array();
      for (const auto& value : row) values.push_back(value ? nlohmann::json(*value) : nlohmann::json());
      rows.push_back(std::move(values));
    }
    all[stream] = {{"columns", std::move(columns)}, {"rows", std::move(rows)}};
  }
  return all;
}

}  // namespace rapidbyte::cli
