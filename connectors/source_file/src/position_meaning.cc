#include "position_meaning.h"

#include <initializer_list>

#include "prefix_hash.h"
#include "rapidbyte/protocol/error_codes.h"
#include "resume_position.h"

namespace rapidbyte::source_file {

namespace {

using sdk::CursorValue;
using sdk::Json;
using sdk::Result;
using sdk::Status;
using sdk::TypeId;

// Of the option columns. Compared only where the destination would accept another type (type_change): otherwise it
// refuses the change itself, and knows what to do about its table.
constexpr const char* kColumnTypes = "columns (types)";

void feed(PrefixHash& hash, std::initializer_list<std::string> texts) {
  for (const std::string& text : texts) {
    const std::string line = std::to_string(text.size()) + ":" + text;
    hash.feed(line.data(), line.size());
  }
}

std::string symbol(char c) { return c == 0 ? std::string() : std::string(1, c); }

/// Options that say where the fields of a record are. Absent: the default.
Json field_options(const StreamOptions& stream, const StreamFiles& files) {
  Json out = Json::object();
  if (files.format == Format::kNdjson) {
    out["format"] = "ndjson";
    return out;
  }
  const CsvDialect plain;
  const CsvDialect& dialect = files.dialect;
  if (dialect.delimiter != plain.delimiter) out["delimiter"] = symbol(dialect.delimiter);
  if (dialect.quote != plain.quote) out["quote"] = symbol(dialect.quote);
  if (dialect.escape != plain.escape) out["escape"] = symbol(dialect.escape);
  if (dialect.trim) out["trim"] = true;
  if (!stream.read.header) out["header"] = false;
  return out;
}

Json all_options(const StreamOptions& stream, const StreamFiles& files) {
  Json out = field_options(stream, files);
  const ReadOptions& read = stream.read;
  if (files.format == Format::kCsv) {
    if (read.skip_lines != 0) out["skip_lines"] = read.skip_lines;
    if (!read.null_values.empty()) out["null_values"] = read.null_values;
    if (!read.empty_is_null) out["empty_is_null"] = false;
    if (read.quoted_nulls) out["quoted_nulls"] = true;
    if (read.inference.decimal_point != '.') out["decimal_point"] = symbol(read.inference.decimal_point);
  }
  if (!read.inference.date_pattern.empty()) out["date_format"] = read.inference.date_pattern;
  if (!read.inference.timestamp_pattern.empty()) out["timestamp_format"] = read.inference.timestamp_pattern;
  if (!stream.columns.empty()) {
    // The order in which they are written is irrelevant: options.cc reads them from an object, which is sorted.
    PrefixHash patterns, types;
    bool has_patterns = false;
    for (const ColumnOverride& column : stream.columns) {
      feed(types, {column.name, column.type.name()});
      if (column.pattern.empty()) continue;
      has_patterns = true;
      feed(patterns, {column.name, column.pattern});
    }
    if (has_patterns) out["columns"] = hash_text(patterns.value());
    out[kColumnTypes] = hash_text(types.value());
  }
  return out;
}

/// The pattern without parts that do not affect which files it matches.
std::string plain_path(const std::string& path) {
  std::string out = path;
  while (out.starts_with("./")) out.erase(0, 2);
  for (const std::string_view end : {".gz", ".zst"}) {
    if (out.ends_with(end)) out.resize(out.size() - end.size());
  }
  return out;
}

bool is_integer(std::string_view type) { return type.starts_with("Int") || type.starts_with("UInt"); }

/// Whether values of the one type are the same values in the other: types are inferred, and a column of integers may
/// get its first fraction.
bool is_wider(std::string_view was, std::string_view now) {
  if (is_integer(was)) return is_integer(now) || now.starts_with("Decimal");
  return was.starts_with("Decimal") && now.starts_with("Decimal");
}

}  // namespace

PositionMeaning::PositionMeaning(const StreamOptions& stream, const StreamFiles& files, const ColumnSpec* cursor,
                                 sdk::TypeChange type_change)
    : types_are_checked_(type_change == sdk::TypeChange::kFail),
      stream_(stream.name),
      path_(plain_path(stream.path.empty() ? files.files.front().name : stream.path)),
      options_(all_options(stream, files)),
      cursor_options_(field_options(stream, files)) {
  if (cursor == nullptr) return;
  cursor_column_ = cursor->name;
  cursor_type_ = cursor->type;
  if (!cursor->pattern.empty()) cursor_options_["pattern"] = cursor->pattern;
  if (cursor->type.id == TypeId::kDecimal128 && options_.contains("decimal_point")) {
    cursor_options_["decimal_point"] = options_["decimal_point"];
  }
}

Status PositionMeaning::changed(const std::string& what, const std::string& back) const {
  return sdk::config_error(codes::kCursorChanged,
                           "stream '" + stream_ + "': " + what +
                               ". Resuming from the position of the last run would leave rows out or change them. " +
                               back + ", or " + restart_hint(stream_));
}

Status PositionMeaning::check_cursor(const Json& stored) const {
  const std::string column = sdk::string_member(stored, "column").value_or("");
  const std::string type = sdk::string_member(stored, "type").value_or("");
  if (column != cursor_column_) {
    const auto shown = [](const std::string& name) { return name.empty() ? "none" : "'" + name + "'"; };
    return changed(
        "its position was made with the cursor_field " + shown(column) + ", now it is " + shown(cursor_column_),
        "Put cursor_field (and sync_mode) back");
  }
  if (column.empty() || type == cursor_type_.name() || is_wider(type, cursor_type_.name())) return {};
  return changed("its cursor column '" + column + "' had the type " + type + ", now it is " + cursor_type_.name(),
                 "Set the type with the stream option columns (columns: {" + column + ": \"" + type + "\"})");
}

Status PositionMeaning::check_options(const Json& stored, const Json& now) const {
  std::string names;
  const auto compare = [&](const Json& one, const Json& other) {
    for (const auto& [key, value] : one.items()) {
      if (key == kColumnTypes && types_are_checked_) continue;
      const Json* same = sdk::find_member(other, key);
      if (same != nullptr && *same == value) continue;
      if (names.find("'" + key + "'") == std::string::npos) names += (names.empty() ? "'" : ", '") + key + "'";
    }
  };
  if (!stored.is_object()) return {};
  compare(stored, now);
  compare(now, stored);
  if (names.empty()) return {};
  return changed("the option " + names + ", which changes how values are read, differs from the last run",
                 "Put it back");
}

CursorValue PositionMeaning::bind(const CursorValue& value, const KnownRejections& rejected) const {
  if (value.is_null() && rejected.empty()) return value;
  Json out = Json::object();
  out["column"] = cursor_column_;
  out["type"] = cursor_type_.name();
  out["value"] = value.to_json();
  out["path"] = path_;
  if (!cursor_options_.empty()) out["options"] = cursor_options_;
  if (!rejected.empty()) out["rejected"] = rejected.to_json();
  return CursorValue::of_json(std::move(out));
}

Result<CursorValue> PositionMeaning::unbind(const CursorValue& stored, KnownRejections& rejected) const {
  if (stored.kind != CursorValue::Kind::kJson) return stored;
  const Json* value = sdk::find_member(stored.json, "value");
  if (value == nullptr) return stored;
  RB_SDK_RETURN_NOT_OK(check_cursor(stored.json));
  const std::string path = sdk::string_member(stored.json, "path").value_or(path_);
  if (path != path_) {
    return changed("its position was made with the files '" + path + "', now they are '" + path_ + "'",
                   "Put path back, or use a separate stream for the other files");
  }
  const Json* options = sdk::find_member(stored.json, "options");
  RB_SDK_RETURN_NOT_OK(check_options(options != nullptr ? *options : Json::object(), cursor_options_));
  if (const Json* known = sdk::find_member(stored.json, "rejected")) rejected.add(*known);
  return CursorValue::from_json(*value);
}

Json PositionMeaning::to_json() const {
  Json out = Json::object();
  if (!cursor_column_.empty()) {
    out["column"] = cursor_column_;
    out["type"] = cursor_type_.name();
  }
  out["options"] = options_;
  return out;
}

Status PositionMeaning::check_load(const Json* stored) const {
  if (stored == nullptr || !stored->is_object()) return {};
  RB_SDK_RETURN_NOT_OK(check_cursor(*stored));
  const Json* options = sdk::find_member(*stored, "options");
  return options == nullptr ? Status() : check_options(*options, options_);
}

}  // namespace rapidbyte::source_file
