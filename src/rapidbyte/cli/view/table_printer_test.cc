#include "rapidbyte/cli/view/table_printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace rapidbyte::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TablePrinter people() {
  TablePrinter table({{"id", "Int64", Align::kRight}, {"name", "Utf8"}, {"town", "Utf8"}});
  table.add_row({{"1"}, {"Ada"}, {"東京"}});
  table.add_row({{"20"}, {"Zoë"}, {"", true}});
  return table;
}

TEST(TablePrinter, AlignsByDisplayWidth) {
  EXPECT_EQ(people().render({.width = 0, .unicode = true, .color = false}),
            "    id │ name │ town\n"
            " Int64 │ Utf8 │ Utf8\n"
            "───────┼──────┼────────\n"
            "     1 │ Ada  │ 東京\n"
            "    20 │ Zoë  │ <null>\n");
}

TEST(TablePrinter, DrawsInAsciiWithoutUnicode) {
  EXPECT_THAT(people().render({.width = 0, .unicode = false, .color = false}), HasSubstr("-------+------+--------\n"));
}

TEST(TablePrinter, KeepsNullEmptyAndLookAlikesApart) {
  TablePrinter table({{"v"}});
  table.add_row({{"", true}});
  table.add_row({{""}});
  table.add_row({{"<null>"}});
  table.add_row({{"\"\""}});
  table.add_row({{"NULL"}});
  EXPECT_EQ(table.render({.width = 0, .unicode = false, .color = false}),
            " v\n"
            "----------\n"
            " <null>\n"
            " \"\"\n"
            " \"<null>\"\n"
            " \"\"\"\"\n"
            " NULL\n");
}

TEST(TablePrinter, ShowsNullDimmedInColour) {
  EXPECT_THAT(people().render({.width = 0, .unicode = true, .color = true}), HasSubstr("\x1b[2m<null>\x1b[0m"));
}

TEST(TablePrinter, CutsTheWidestColumnToFit) {
  TablePrinter table({{"id"}, {"text"}});
  table.add_row({{"1"}, {std::string(100, 'x')}});
  const std::string out = table.render({.width = 40, .unicode = true, .color = false});
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 40U) << line;
  EXPECT_THAT(out, HasSubstr("xxx…"));
  EXPECT_THAT(out, HasSubstr(" 1  │"));
}

TEST(TablePrinter, CutsATypeBeforeAnyValue) {
  TablePrinter table({{"price", "Decimal128(38, 2)", Align::kRight}, {"ordered", "Date32"}});
  table.add_row({{"10.50"}, {"2024-01-01"}});
  EXPECT_EQ(table.render({.width = 22, .unicode = true, .color = false}),
            "   price │ ordered\n"
            " Decima… │ Date32\n"
            "─────────┼────────────\n"
            "   10.50 │ 2024-01-01\n");
}

TEST(TablePrinter, NamesTheColumnsThatDoNotFit) {
  std::vector<TableColumn> columns;
  std::vector<TableCell> row;
  for (int i = 0; i < 20; ++i) {
    columns.push_back({"column_" + std::to_string(i)});
    row.push_back({std::string(30, 'v')});
  }
  TablePrinter table(columns);
  table.add_row(row);
  const std::string out = table.render({.width = 60, .unicode = false, .color = false});
  EXPECT_THAT(out, HasSubstr("(not shown for lack of space: column_5, column_6"));
  EXPECT_THAT(out, HasSubstr("column_19)"));
}

TEST(TablePrinter, CutsNothingWhenTheWidthIsUnknown) {
  TablePrinter table({{"text"}});
  table.add_row({{std::string(5000, 'x')}});
  EXPECT_THAT(table.render({}), HasSubstr(std::string(5000, 'x')));
}

TEST(TablePrinter, DataCannotSteerTheTerminalOrBreakTheTable) {
  TablePrinter table({{"a\x1b[2Jb"}});
  table.add_row({{"x\ny\x1b[31m"}});
  const std::string out = table.render({.width = 0, .unicode = true, .color = false});
  EXPECT_THAT(out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(out, HasSubstr("x\\ny\\x1b[31m"));
}

TEST(TablePrinter, ListsOfOurOwnKeepEmptyTextEmpty) {
  TablePrinter table({{"name"}, {"note"}});
  table.add_text_row({"a", ""});
  EXPECT_EQ(table.render({.width = 0, .unicode = false, .color = false}), " name | note\n------+------\n a    |\n");
}

}  // namespace
}  // namespace rapidbyte::cli
