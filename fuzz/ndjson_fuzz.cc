// NDJSON: the scanner, which parses no values and sees the file in cuts, against a reader of JSON, line by line.

#include <algorithm>
#include <string>
#include <vector>

#include "byte_scan.h"
#include "field_text.h"
#include "fuzz_input.h"
#include "ndjson_scanner.h"
#include "rapidbyte/sdk/batch_builder.h"
#include "rapidbyte/sdk/json.h"

using namespace rapidbyte;
using namespace rapidbyte::source_file;
using sdk::Json;

namespace {

const std::vector<std::string>& keys() {
  static const std::vector<std::string> names = {"a", "b", "long key"};
  return names;
}

/// A line as a reader of JSON understands it. `unknown`: JSON that only one of the two takes, by what is documented.
struct Slow : nlohmann::json_sax<Json> {
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return deeper(); }
  bool key(string_t& key) override {
    if (depth != 1) return true;
    for (const std::string& seen : members) duplicate = duplicate || seen == key;
    unknown_key = unknown_key || std::find(keys().begin(), keys().end(), key) == keys().end();
    members.push_back(key);
    return true;
  }
  bool end_object() override { return --depth, true; }
  bool start_array(std::size_t) override { return deeper(); }
  bool end_array() override { return --depth, true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& why) override {
    // A number beyond the range of a double is a number for us.
    if (why.id == 406) unknown = true;
    valid = false;
    return false;
  }
  bool deeper() {
    if (++depth > 500) unknown = true;
    return true;
  }
  std::vector<std::string> members;
  size_t depth = 0;
  bool valid = true;
  bool unknown = false;
  bool duplicate = false;
  bool unknown_key = false;
};

struct Row {
  std::string line;
  std::string problem;
  std::vector<std::string> fields;
  bool operator==(const Row&) const = default;
};

std::vector<Row> scan(const std::string& padded, uint32_t size, uint32_t step, const BlockLimits& limits) {
  std::vector<Row> rows;
  std::string scratch;
  FieldRules rules;
  rules.json = true;
  NdjsonScanner scanner(keys());
  RecordBlock block;
  uint32_t begin = 0;
  uint32_t seen = std::min(step, size);
  while (true) {
    const ScanStop stop = scanner.scan(padded.data(), begin, seen, seen == size, limits, block);
    size_t problem = 0;
    for (uint32_t row = 0; row < block.row_count; ++row) {
      Row out;
      out.line = padded.substr(block.row_begin[row], block.row_end[row] - block.row_begin[row]);
      if (problem < block.problems.size() && block.problems[problem].row == row) {
        const ProblemKind kind = block.problems[problem++].kind;
        out.problem = kind == ProblemKind::kInvalidJson ? "json" : kind == ProblemKind::kUnknownKey ? "key" : "twice";
      } else {
        for (uint32_t column = 0; column < block.column_count; ++column) {
          const FieldSpan& field = block.field(row, column);
          std::string text;
          if (field.is_null()) {
            text = "null";
          } else if (field.is_quoted()) {
            text = sdk::to_text(Json(std::string(field_text(padded.data(), field, rules, scratch))));
          } else {
            text = raw_text(padded.data(), field);
          }
          out.fields.push_back(text);
        }
      }
      rows.push_back(std::move(out));
    }
    fuzz::check(problem == block.problems.size(), "every problem belongs to a row, in order");
    fuzz::check(block.end >= begin && block.end <= seen, "the scanner stays in what it was given");
    const bool moved = block.end != begin;
    begin = block.end;
    if (stop == ScanStop::kBlockFull) continue;
    if (seen == size) {
      if (begin < size && moved) continue;
      return rows;
    }
    seen = std::min(seen + step, size);
  }
}

void check_row(const Row& row) {
  if (!sdk::is_valid_utf8(row.line) || row.line.starts_with("\xEF\xBB\xBF")) return;  // somebody else's business
  Slow slow;
  (void)Json::sax_parse(row.line, &slow);
  if (slow.unknown) return;
  // RFC 8259 has no place for a zero byte; nlohmann takes one for the end of the text, whatever follows.
  if (row.line.find('\0') != std::string::npos) slow.valid = false;
  const Json value = slow.valid ? Json::parse(row.line, nullptr, false) : Json(Json::value_t::discarded);
  fuzz::check((row.problem == "json") == !value.is_object(), "both know what is an object of JSON");
  if (!value.is_object()) return;
  // The first of several problems is told.
  fuzz::check((row.problem == "key" || row.problem == "twice") == (slow.unknown_key || slow.duplicate),
              "both know unknown and doubled keys");
  if (!row.problem.empty()) return;
  for (size_t i = 0; i < keys().size(); ++i) {
    const auto member = value.find(keys()[i]);
    const Json wanted = member == value.end() ? Json() : *member;
    const Json got = Json::parse(row.fields[i], nullptr, false);
    fuzz::check_equal(sdk::to_text(got), sdk::to_text(wanted), "a member's value");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const BlockLimits limits{input.byte() % 5U + 1, input.byte() * 4U + 1};
  const uint32_t step = input.byte() % 100U + 1;
  const std::string text(input.text());
  const auto length = static_cast<uint32_t>(text.size());
  // As many rows as there can be: a block makes room for all of them, which would take most of the time.
  const BlockLimits wide{length + 1, 1U << 30U};
  const auto whole = scan(text + std::string(kScanPadding, '"'), length, length + 1, wide);
  fuzz::check(scan(text + std::string(kScanPadding, '\n'), length, step, limits) == whole,
              "a file in pieces gives what the whole gives");
  for (const Row& row : whole) check_row(row);
  return 0;
}
