#include "rapidbyte/cli/view/table_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace rapidbyte::cli {
namespace {

// A cut column keeps at least this many terminal columns; below that a value says nothing.
constexpr size_t kMinColumnWidth = 8;
// " │ " between two columns; one blank at each side of the table.
constexpr size_t kSeparatorWidth = 3;
constexpr size_t kMarginWidth = 2;
constexpr std::string_view kNull = "<null>";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

std::string shown(const TableCell& cell, bool plain_text) {
  if (cell.is_null) return std::string(kNull);
  if (!plain_text && (cell.text.empty() || cell.text == kNull || cell.text == "\"\"")) {
    return "\"" + cell.text + "\"";
  }
  return make_printable(cell.text);
}

struct Layout {
  std::vector<size_t> shown_columns;
  std::vector<size_t> widths;  // by position in shown_columns
};

size_t total_width(const std::vector<size_t>& widths) {
  if (widths.empty()) return 0;
  return std::accumulate(widths.begin(), widths.end(), size_t{0}) + kSeparatorWidth * (widths.size() - 1) +
         kMarginWidth;
}

// Cuts the second line of the head (`values` is the width without it) before any value, then the widest columns, down
// to kMinColumnWidth; what still does not fit goes, from the right.
Layout lay_out(const std::vector<size_t>& natural, const std::vector<size_t>& values, size_t limit) {
  Layout layout;
  layout.widths = natural;
  layout.shown_columns.resize(natural.size());
  std::iota(layout.shown_columns.begin(), layout.shown_columns.end(), size_t{0});
  if (limit == 0) return layout;
  const auto least_total = [&] {
    std::vector<size_t> least = layout.widths;
    for (size_t& width : least) width = std::min(width, kMinColumnWidth);
    return total_width(least);
  };
  while (layout.widths.size() > 1 && least_total() > limit) {
    layout.widths.pop_back();
    layout.shown_columns.pop_back();
  }
  for (size_t i = 0; i < layout.widths.size(); ++i) {
    const size_t total = total_width(layout.widths);
    if (total > limit) layout.widths[i] -= std::min(layout.widths[i] - values[i], total - limit);
  }
  while (total_width(layout.widths) > limit) {
    const auto widest = std::max_element(layout.widths.begin(), layout.widths.end());
    if (*widest <= 1) break;
    --*widest;
  }
  return layout;
}

}  // namespace

void TablePrinter::add_text_row(std::vector<std::string> texts) {
  plain_text_ = true;
  std::vector<TableCell> cells;
  cells.reserve(texts.size());
  for (std::string& text : texts) cells.push_back({std::move(text), false});
  rows_.push_back(std::move(cells));
}

std::string TablePrinter::render(const TableStyle& style) const {
  std::vector<std::vector<std::string>> texts;
  texts.reserve(rows_.size());
  std::vector<size_t> values;
  bool has_detail = false;
  for (const TableColumn& column : columns_) {
    values.push_back(std::max(display_width(make_printable(column.name)), size_t{1}));
    has_detail = has_detail || !column.detail.empty();
  }
  for (const auto& row : rows_) {
    std::vector<std::string> line;
    line.reserve(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      line.push_back(shown(row[i], plain_text_));
      values[i] = std::max(values[i], display_width(line.back()));
    }
    texts.push_back(std::move(line));
  }
  std::vector<size_t> natural = values;
  for (size_t i = 0; i < columns_.size(); ++i) natural[i] = std::max(natural[i], display_width(columns_[i].detail));
  const Layout layout = lay_out(natural, values, style.width);

  const std::string bar = style.unicode ? " \xE2\x94\x82 " : " | ";
  const std::string_view rule = style.unicode ? "\xE2\x94\x80" : "-";
  const std::string_view cross = style.unicode ? "\xE2\x94\xBC" : "+";
  std::string out;
  const auto add_line = [&](auto&& cell_at) {
    std::string line = " ";
    for (size_t i = 0; i < layout.shown_columns.size(); ++i) {
      if (i > 0) line += bar;
      const size_t column = layout.shown_columns[i];
      const auto [text, before] = cell_at(column);
      const std::string fitted =
          pad_width(fit_width(text, layout.widths[i], style.unicode), layout.widths[i], columns_[column].align);
      line += style.color && !before.empty() ? fmt::format("{}{}{}", before, fitted, kPlain) : fitted;
    }
    // No trailing blanks: they wrap on narrow terminals and spoil comparisons.
    if (!style.color) line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  using Cell = std::pair<std::string, std::string_view>;
  add_line([&](size_t column) { return Cell{make_printable(columns_[column].name), kBold}; });
  if (has_detail) add_line([&](size_t column) { return Cell{columns_[column].detail, kDim}; });
  for (size_t i = 0; i < layout.widths.size(); ++i) {
    if (i > 0) out += cross;
    for (size_t n = layout.widths[i] + 2; n > 0; --n) out += rule;
  }
  out += "\n";
  for (size_t row = 0; row < texts.size(); ++row) {
    add_line([&](size_t column) {
      return Cell{texts[row][column], rows_[row][column].is_null ? kDim : std::string_view()};
    });
  }
  if (layout.shown_columns.size() < columns_.size()) {
    std::string names;
    for (size_t i = layout.shown_columns.size(); i < columns_.size(); ++i) {
      if (!names.empty()) names += ", ";
      names += make_printable(columns_[i].name);
    }
    out += fmt::format("(not shown for lack of space: {})\n", names);
  }
  return out;
}

}  // namespace rapidbyte::cli
