// Records and fields out of text, for every cut of the input into buffers.

#include <gtest/gtest.h>

#include "test_support.h"

namespace rapidbyte::source_file::testing {
namespace {

struct CsvCase {
  const char* name;
  std::string text;
  uint32_t columns;
  Table expected;
  CsvDialect dialect = {};
  std::string error = {};
  uint64_t max_record_bytes = 1 << 20;
};

CsvDialect with(auto change) {
  CsvDialect dialect;
  change(dialect);
  return dialect;
}

std::vector<CsvCase> csv_cases() {
  const std::string nul("a\0b,c\n", 6);
  const std::string long_text(40, 'x');
  return {
      {"plain", "a,b\n1,2\n", 2, {{"a", "b"}, {"1", "2"}}},
      {"missing_last_line_end", "a,b\n1,2", 2, {{"a", "b"}, {"1", "2"}}},
      {"missing_last_line_end_empty_field", "a,b\n1,", 2, {{"a", "b"}, {"1", "NULL"}}},
      {"empty_file", "", 2, {}},
      {"crlf", "a,b\r\n1,2\r\n", 2, {{"a", "b"}, {"1", "2"}}},
      {"cr", "a,b\r1,2\r", 2, {{"a", "b"}, {"1", "2"}}},
      {"mixed_line_ends", "a,b\r\n1,2\n3,4\r5,6", 2, {{"a", "b"}, {"1", "2"}, {"3", "4"}, {"5", "6"}}},
      {"cr_at_end", "a,b\r", 2, {{"a", "b"}}},
      {"byte_order_mark", "\xEF\xBB\xBF\"a\",b\n", 2, {{"a", "b"}}},
      {"quoted", "\"a\",\"b\"\n", 2, {{"a", "b"}}},
      {"quoted_empty_is_text", "\"\",\n", 2, {{"", "NULL"}}},
      {"doubled_quotes", "\"a\"\"b\",\"\"\"\"\n", 2, {{"a\"b", "\""}}},
      {"delimiter_in_quotes", "\"a,b\",c\n", 2, {{"a,b", "c"}}},
      {"line_ends_in_quotes", "\"a\nb\r\nc\rd\",e\n", 2, {{"a\nb\r\nc\rd", "e"}}},
      {"quoted_at_end_of_file", "a,\"b\"", 2, {{"a", "b"}}},
      {"quote_within_unquoted_is_text", "5\" pipe,foo\nx,y\n", 2, {{"5\" pipe", "foo"}, {"x", "y"}}},
      {"two_quotes_within_unquoted", "a\"b\"c,d\n", 2, {{"a\"b\"c", "d"}}},
      {"text_after_quote", "\"a\"x,b\nc,d\n", 2, {{"!quote"}, {"c", "d"}}},
      {"blank_after_quote", "\"a\" ,b\nc,d\n", 2, {{"!quote"}, {"c", "d"}}},
      {"empty_lines_are_no_records", "\na,b\n\n\r\n1,2\n\n", 2, {{"a", "b"}, {"1", "2"}}},
      {"empty_lines_of_one_column_are_null", "a\n\nb\n", 1, {{"a"}, {"NULL"}, {"b"}}},
      {"too_few", "a,b,c\n1,2\n3,4,5\n", 3, {{"a", "b", "c"}, {"!few"}, {"3", "4", "5"}}},
      {"too_many", "a,b\n1,2,3\n4,5\n", 2, {{"a", "b"}, {"!many"}, {"4", "5"}}},
      {"pad", "1\n2,3\n", 2, {{"1", "NULL"}, {"2", "3"}}, with([](auto& d) { d.ragged = RaggedRule::kPad; })},
      {"pad_still_refuses_more", "1,2,3\n", 2, {{"!many"}}, with([](auto& d) { d.ragged = RaggedRule::kPad; })},
      {"pad_and_drop", "1\n2,3,4\n5,6\n", 2, {{"1", "NULL"}, {"2", "3"}, {"5", "6"}}, with([](auto& d) {
         d.ragged = RaggedRule::kPadAndDrop;
       })},
      {"semicolon", "a;b,c\n", 2, {{"a", "b,c"}}, with([](auto& d) { d.delimiter = ';'; })},
      {"tab", "a\tb\n", 2, {{"a", "b"}}, with([](auto& d) { d.delimiter = '\t'; })},
      {"single_quotes", "'a,''b',\"c\n", 2, {{"a,'b", "\"c"}}, with([](auto& d) { d.quote = '\''; })},
      {"no_quotes", "\"a,b\"\n", 2, {{"\"a", "b\""}}, with([](auto& d) { d.quote = 0; })},
      {"escape", "\"a\\\"b\",c\\,d\n\"x\\\\\",\\N\n", 2, {{"a\"b", "c,d"}, {"x\\", "N"}}, with([](auto& d) {
         d.escape = '\\';
       })},
      {"escaped_line_end", "a\\\nb,c\n", 2, {{"a\nb", "c"}}, with([](auto& d) { d.escape = '\\'; })},
      {"no_escape_by_default", "\"a\\\",c\n", 2, {{"a\\", "c"}}},
      {"trim", "  a , \"b \" \n \"c\",\td\t\n", 2, {{"a", "b "}, {"c", "d"}}, with([](auto& d) { d.trim = true; })},
      {"trim_to_null", "  ,x\n", 2, {{"NULL", "x"}}, with([](auto& d) { d.trim = true; })},
      {"blanks_stay", " a , b\n", 2, {{" a ", " b"}}},
      {"empty_as_text", ",x\n", 2, {{"", "x"}}, with([](auto& d) { d.empty_is_null = false; })},
      {"nul_byte", nul, 2, {{std::string("a\0b", 3), "c"}}},
      {"not_utf8", "a,b\n\xff\xfe,c\nd,e\n", 2, {{"a", "b"}, {"!utf8"}, {"d", "e"}}},
      {"utf8", "\xC3\xA4,\xF0\x9F\x98\x80\n", 2, {{"\xC3\xA4", "\xF0\x9F\x98\x80"}}},
      {"utf16",
       std::string("\xFF\xFE"
                   "a\0,\0",
                   6),
       2,
       {},
       {},
       "UNSUPPORTED_ENCODING"},
      {"unterminated_quote", "a,b\n\"c,d\ne,f\n", 2, {{"a", "b"}}, {}, "UNTERMINATED_QUOTE"},
      {"too_long", "a,b\n" + long_text + ",c\nd,e\n", 2, {{"a", "b"}, {"!long"}, {"d", "e"}}, {}, {}, 30},
      {"too_long_quoted",
       "a,b\r\n\"" + long_text + "\n,\"\"" + long_text + "\",c\r\nd,e\r\n",
       2,
       {{"a", "b"}, {"!long"}, {"d", "e"}},
       {},
       {},
       30},
      {"too_long_last", "a,b\n" + long_text, 2, {{"a", "b"}, {"!long"}}, {}, {}, 30},
      {"too_long_unterminated", "a,b\n\"" + long_text + "\n", 2, {{"a", "b"}}, {}, "UNTERMINATED_QUOTE", 30},
      {"many_columns_over_blocks",
       "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,1,2,3,4,5,6,7,8,9,10\n",
       36,
       {{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
         "s", "t", "u", "v", "w", "x", "y", "z", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}}},
  };
}

TEST(CsvScanTest, ReadsEveryCaseTheSameForAllBufferSizes) {
  const TempFolder folder;
  for (const CsvCase& c : csv_cases()) {
    const std::string path = folder.write("test.csv", c.text);
    for (size_t buffer = 1; buffer <= 70; ++buffer) {
      const ReadBack got = read_csv(path, c.dialect, c.columns, buffer, c.max_record_bytes);
      ASSERT_EQ(got.error, c.error) << c.name << " with a buffer of " << buffer;
      ASSERT_EQ(got.rows, c.expected) << c.name << " with a buffer of " << buffer;
    }
    ASSERT_EQ(read_csv(path, c.dialect, c.columns, 1 << 18, c.max_record_bytes).rows, c.expected) << c.name;
  }
}

TEST(CsvScanTest, FieldsAroundThe64ByteStepsKeepTheirPlaces) {
  const TempFolder folder;
  // A quote, a doubled quote, a delimiter and a line end wander over the border of a scan step.
  for (size_t pad = 50; pad < 80; ++pad) {
    const std::string filler(pad, 'x');
    const std::string path = folder.write("test.csv", filler + ",\"a\"\",\r\n\"\r\ny,\"z\"\r\n");
    const Table expected = {{filler, "a\",\r\n"}, {"y", "z"}};
    ASSERT_EQ(read_csv(path, {}, 2, 1 << 16).rows, expected) << pad;
  }
}

TEST(CsvScanTest, RandomTablesComeBackAsTheyWereWritten) {
  const TempFolder folder;
  uint64_t seed = 42;
  const auto random = [&seed](uint64_t below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33U) % below;
  };
  const std::string alphabet = "ab,\"\n\r\\ ;x";
  for (int round = 0; round < 200; ++round) {
    Table table;
    std::string text;
    const uint32_t columns = static_cast<uint32_t>(2 + random(4));
    for (uint64_t r = random(30); r > 0; --r) {
      std::vector<std::string> row;
      for (uint32_t c = 0; c < columns; ++c) {
        std::string value;
        for (uint64_t n = random(12); n > 0; --n) value += alphabet[random(alphabet.size())];
        text += c == 0 ? "" : ",";
        text += '"';
        for (const char ch : value) text += ch == '"' ? std::string("\"\"") : std::string(1, ch);
        text += '"';
        row.push_back(value);
      }
      text += random(2) == 0 ? "\n" : "\r\n";
      table.push_back(row);
    }
    const std::string path = folder.write("test.csv", text);
    for (const size_t buffer : {size_t{1}, size_t{7}, size_t{64}, size_t{100}, size_t{4096}}) {
      ASSERT_EQ(read_csv(path, {}, columns, buffer).rows, table) << "round " << round << ", buffer " << buffer;
    }
  }
}

TEST(NdjsonScanTest, ReadsEveryCaseTheSameForAllBufferSizes) {
  struct Case {
    const char* name;
    std::string text;
    Table expected;
  };
  const Case cases[] = {
      {"plain", "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n", {{"1", "x"}, {"2", "y"}}},
      {"other_order", "{\"b\":\"x\",\"a\":1}\n", {{"1", "x"}}},
      {"missing_and_null", "{\"a\":null}\n{}\n", {{"NULL", "NULL"}, {"NULL", "NULL"}}},
      {"blank_lines_crlf_no_end", "\n  \n{\"a\":1}\r\n\r\n{\"b\":2}", {{"1", "NULL"}, {"NULL", "2"}}},
      {"numbers_as_written",
       "{\"a\":12345678901234567890123,\"b\":-1.10e+5}\n",
       {{"12345678901234567890123", "-1.10e+5"}}},
      {"literals", "{\"a\":true,\"b\":false}\n", {{"true", "false"}}},
      {"nested_as_text", "{\"a\":{\"x\": [1, {\"y\":\"}\"}]},\"b\":[]}\n", {{"{\"x\": [1, {\"y\":\"}\"}]}", "[]"}}},
      {"escapes",
       "{\"a\":\"q\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00\",\"b\":\"\"}\n",
       {{"q\"\\/\b\f\n\r\t\xC3\xA4\xF0\x9F\x98\x80", ""}}},
      {"escaped_key", "{\"\\u0061\":1}\n", {{"1", "NULL"}}},
      {"white_space", " { \"a\" : 1 , \"b\" : [ 1 , 2 ] } \n", {{"1", "[ 1 , 2 ]"}}},
      {"unknown_key", "{\"a\":1,\"zzz\":2}\n{\"a\":3}\n", {{"!key"}, {"3", "NULL"}}},
      {"duplicate_key", "{\"a\":1,\"a\":2}\n", {{"!twice"}}},
      {"broken", "{\"a\":1\n{\"a\":2}\n", {{"!json"}, {"2", "NULL"}}},
      {"trailing_comma", "{\"a\":1,}\n", {{"!json"}}},
      {"text_behind", "{\"a\":1} x\n", {{"!json"}}},
      {"array_line", "[1]\n", {{"!json"}}},
      {"bad_numbers",
       "{\"a\":01}\n{\"a\":1.}\n{\"a\":+1}\n{\"a\":.5}\n{\"a\":NaN}\n{\"a\":1e}\n",
       {{"!json"}, {"!json"}, {"!json"}, {"!json"}, {"!json"}, {"!json"}}},
      {"bad_strings",
       "{\"a\":\"\\x\"}\n{\"a\":\"\\ud800\"}\n{\"a\":\"\\u12\"}\n{\"a\":\"\t\"}\n{\"a\":\"x}\n",
       {{"!json"}, {"!json"}, {"!json"}, {"!json"}, {"!json"}}},
      {"bad_nesting",
       "{\"a\":[1,]}\n{\"a\":[1}}\n{\"a\":{\"x\"}}\n{\"a\":[1 2]}\n{\"a\":{,}}\n",
       {{"!json"}, {"!json"}, {"!json"}, {"!json"}, {"!json"}}},
      {"not_utf8", "{\"a\":\"\xff\"}\n{\"a\":1}\n", {{"!utf8"}, {"1", "NULL"}}},
      {"byte_order_mark", "\xEF\xBB\xBF{\"a\":1}\n", {{"1", "NULL"}}},
  };
  const TempFolder folder;
  for (const Case& c : cases) {
    const std::string path = folder.write("test.ndjson", c.text);
    for (size_t buffer = 1; buffer <= 70; ++buffer) {
      const ReadBack got = read_ndjson(path, {"a", "b"}, buffer);
      ASSERT_EQ(got.error, "") << c.name;
      ASSERT_EQ(got.rows, c.expected) << c.name << " with a buffer of " << buffer;
    }
  }
}

TEST(NdjsonScanTest, DeepNestingIsRefusedAndNotFollowed) {
  const TempFolder folder;
  const std::string deep = "{\"a\":" + std::string(100'000, '[') + "}\n{\"a\":1}\n";
  const Table expected = {{"!json"}, {"1", "NULL"}};
  EXPECT_EQ(read_ndjson(folder.write("test.ndjson", deep), {"a", "b"}, 1 << 16).rows, expected);
}

TEST(NdjsonScanTest, ALineOverTheCapIsOneProblem) {
  const TempFolder folder;
  const std::string path =
      folder.write("test.ndjson", "{\"a\":1}\n{\"a\":\"" + std::string(500, 'x') + "\"}\n{\"a\":2}\n");
  const Table expected = {{"1"}, {"!long"}, {"2"}};
  for (const size_t buffer : {size_t{8}, size_t{100}, size_t{4096}}) {
    EXPECT_EQ(read_ndjson(path, {"a"}, buffer, 100).rows, expected) << buffer;
  }
}

TEST(RecordReaderTest, ResumesAfterAnyPositionAndNoticesAChangedPrefix) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 50; ++i) text += std::to_string(i) + ",\"line\n" + std::to_string(i) + "\"\r\n";
  const std::string path = folder.write("test.csv", text);
  ReaderLimits limits;
  limits.buffer_bytes = 64;
  limits.max_block_fields = 6;
  const auto open = [&](const std::string& file) {
    auto reader = RecordReader::open_csv(file, "test.csv", {}, 0, limits);
    (*reader)->set_columns(2);
    return std::move(*reader);
  };
  RecordBlock block;
  auto reader = open(path);
  uint64_t rows = 0;
  while (*reader->next(block)) {
    rows += block.row_count;
    const FilePosition at = reader->position();
    ASSERT_EQ(at.lines, rows * 2);
    auto resumed = open(path);
    ASSERT_TRUE(*resumed->skip_to(at));
    uint64_t rest = 0;
    RecordBlock other;
    while (*resumed->next(other)) rest += other.row_count;
    ASSERT_EQ(rows + rest, 50U);

    std::string changed = text;
    changed[at.offset / 2] = changed[at.offset / 2] == 'x' ? 'y' : 'x';
    auto refused = open(folder.write("changed.csv", changed));
    ASSERT_FALSE(*refused->skip_to(at));
    auto shorter = open(folder.write("shorter.csv", text.substr(0, at.offset - 1)));
    ASSERT_FALSE(*shorter->skip_to(at));
    auto longer = open(folder.write("longer.csv", text + "1,2\n"));
    ASSERT_TRUE(*longer->skip_to(at));
  }
}

}  // namespace
}  // namespace rapidbyte::source_file::testing
