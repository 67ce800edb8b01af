#pragma once
// TablePrinter: rows of text as a table that fits a terminal. For previews (--dry-run), discover, connectors and state.
// Long values are cut and columns that do not fit are named below the table; nothing disappears silently. Not thread
// safe.

#include <cstddef>
#include <string>
#include <vector>

#include "rapidbyte/cli/view/text_width.h"

namespace rapidbyte::cli {

struct TableStyle {
  /// Columns of the terminal; 0: no limit (a file or a pipe: then nothing is cut).
  size_t width = 0;
  bool unicode = true;
  bool color = false;
};

struct TableColumn {
  std::string name;
  /// Second line of the head (a data type); the line is left out when no column has one.
  std::string detail = {};
  Align align = Align::kLeft;
};

/// A value, or null. Null is shown as <null>, an empty text as "", and a text that reads like one of these in quotes.
struct TableCell {
  std::string text;
  bool is_null = false;
};

class TablePrinter {
 public:
  explicit TablePrinter(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}
  /// Requires as many cells as columns.
  void add_row(std::vector<TableCell> cells) { rows_.push_back(std::move(cells)); }
  /// A row of plain text in which an empty text stays empty (lists of our own, not data).
  void add_text_row(std::vector<std::string> texts);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// The table with a line feed after each line.
  [[nodiscard]] std::string render(const TableStyle& style) const;

 private:
  std::vector<TableColumn> columns_;
  std::vector<std::vector<TableCell>> rows_;
  bool plain_text_ = false;
};

}  // namespace rapidbyte::cli
