#include "discovery.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rejection.h"

namespace rapidbyte::source_file {

namespace {

using sdk::Result;
using sdk::Schema;
using sdk::Status;

/// Columns found so far, in the order in which they were found, with what their values say.
class Sample {
 public:
  explicit Sample(const StreamOptions& stream, const FieldRules& rules) : stream_(stream), rules_(rules) {}

  uint32_t column(const std::string& name) {
    const auto [it, added] = index_.emplace(name, static_cast<uint32_t>(names_.size()));
    if (added) {
      names_.push_back(name);
      types_.emplace_back(stream_.read.inference);
    }
    return it->second;
  }

  void observe(const RecordReader& reader, const RecordBlock& block, const std::vector<uint32_t>& columns) {
    size_t problem = 0;
    for (uint32_t row = 0; row < block.row_count; ++row) {
      while (problem < block.problems.size() && block.problems[problem].row < row) ++problem;
      // Records that cannot become rows say nothing about types; the load treats them by its policy.
      if (problem < block.problems.size() && block.problems[problem].row == row) continue;
      for (uint32_t c = 0; c < block.column_count; ++c)
        observe_field(reader.data(), block.field(row, c), types_[columns[c]]);
      ++rows_;
    }
  }

  [[nodiscard]] uint64_t rows() const { return rows_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] sdk::DataType type(uint32_t column) const { return types_[column].decide(); }

 private:
  void observe_field(const char* data, const FieldSpan& field, TypeInference& type) {
    if (is_null_field(data, field, rules_)) {
      type.observe_null();
      return;
    }
    ValueKind kind = ValueKind::kPlain;
    if (rules_.json) kind = field.is_quoted() ? ValueKind::kJsonString : ValueKind::kJsonOther;
    type.observe(field_text(data, field, rules_, scratch_), kind);
  }

  const StreamOptions& stream_;
  const FieldRules& rules_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, uint32_t> index_;
  std::vector<TypeInference> types_;
  uint64_t rows_ = 0;
  std::string scratch_;
};

/// Reads the file's sample; `visit` is called for each block.
template <typename Visit>
Status read_sample(RecordReader& reader, uint64_t max_rows, const Visit& visit) {
  RecordBlock block;
  uint64_t rows = 0;
  const uint64_t begin = reader.position().offset;
  while (rows < max_rows && reader.position().offset - begin < kSampleBytes) {
    RB_SDK_ASSIGN_OR_RETURN(const bool more, reader.next(block));
    if (!more) break;
    rows += block.row_count;
    visit(block);
  }
  return {};
}

Status sample_csv(const FileEntry& file, const StreamFiles& files, const StreamOptions& stream, Sample& sample) {
  RB_SDK_ASSIGN_OR_RETURN(OpenFile open, open_stream_file(file, files, stream.read, ReaderLimits{}));
  if (open.names.empty()) return {};
  std::vector<uint32_t> columns;
  columns.reserve(open.names.size());
  for (const std::string& name : open.names) columns.push_back(sample.column(name));
  return read_sample(*open.reader, stream.read.sample_rows,
                     [&](const RecordBlock& block) { sample.observe(*open.reader, block, columns); });
}

// The host accepts no longer names; a name of a megabyte is more likely a file with another delimiter.
constexpr size_t kMaxNameBytes = 4096;

/// Names as written in the file. An empty one in CSV gets another name later.
Status check_names(const std::vector<std::string>& names, const std::string& file, bool json) {
  for (const std::string& name : names) {
    std::string why;
    if (name.find('\0') != std::string::npos) {
      why = "holds a NUL byte, where Arrow's C interface and most databases would cut it";
    } else if (name.size() > kMaxNameBytes) {
      why = "is " + std::to_string(name.size()) + " bytes long, where " + std::to_string(kMaxNameBytes) +
            " are allowed. Are the options delimiter and quote right?";
    } else if (json && name.empty()) {
      why = "is empty";
    } else {
      continue;
    }
    return sdk::schema_error(codes::kInvalidColumnName,
                             "file '" + file + "': the column name '" + printable(name) + "' " + why +
                                 (json ? ". Give the key another name"
                                       : ". Correct the header, or leave it out (header: false, skip_lines: 1); if "
                                         "the first line is no header, header: false; if the whole line is one name, "
                                         "set delimiter"));
  }
  return {};
}

/// `first_problem`: set to what is wrong with the first record that is invalid, unless it is already set.
Status sample_ndjson(const FileEntry& file, const StreamFiles& files, const StreamOptions& stream, Sample& sample,
                     std::string& first_problem) {
  // Keys may appear in any line, so the sample is read twice: first for the keys, then for their values.
  std::vector<std::string> keys;
  {
    RB_SDK_ASSIGN_OR_RETURN(const OpenFile open, open_stream_file(file, files, stream.read, ReaderLimits{}));
    open.reader->set_keys({}, true);
    const FieldRules rules = stream.read.field_rules(files.format);
    const RejectionPolicy policy(stream.name, sdk::OnDataError::kFail, ReaderLimits{}.max_record_bytes);
    const auto look = [&](const RecordBlock& block) {
      if (first_problem.empty() && !block.problems.empty())
        first_problem = policy.describe(block.problems.front(), {*open.reader, block, {}, {}, rules});
    };
    RB_SDK_RETURN_NOT_OK(read_sample(*open.reader, stream.read.sample_rows, look));
    keys = open.reader->keys();
  }
  RB_SDK_RETURN_NOT_OK(check_names(keys, file.name, true));
  std::vector<uint32_t> columns;
  columns.reserve(keys.size());
  for (const std::string& key : keys) columns.push_back(sample.column(key));
  RB_SDK_ASSIGN_OR_RETURN(const OpenFile open, open_stream_file(file, files, stream.read, ReaderLimits{}));
  open.reader->set_keys(keys);
  return read_sample(*open.reader, stream.read.sample_rows,
                     [&](const RecordBlock& block) { sample.observe(*open.reader, block, columns); });
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

std::vector<std::string> unique_names(std::vector<std::string> header) {
  // Names from the file go first, so that a generated name never takes one of them.
  std::set<std::string> taken(header.begin(), header.end());
  std::set<std::string> seen;
  for (size_t i = 0; i < header.size(); ++i) {
    std::string& name = header[i];
    std::string base = name;
    if (name.empty()) {
      name = base = "column_" + std::to_string(i + 1);
      if (taken.insert(name).second) {
        seen.insert(name);
        continue;
      }
    } else if (seen.insert(name).second) {
      continue;
    }
    for (uint32_t n = 2;; ++n) {
      name = base + "_" + std::to_string(n);
      if (taken.insert(name).second) break;
    }
    seen.insert(name);
  }
  return header;
}

Result<OpenFile> open_stream_file(const FileEntry& file, const StreamFiles& files, const ReadOptions& options,
                                  const ReaderLimits& limits) {
  OpenFile out;
  if (files.format == Format::kNdjson) {
    RB_SDK_ASSIGN_OR_RETURN(out.reader, RecordReader::open_ndjson(file.path, file.name, limits));
    return out;
  }
  RB_SDK_ASSIGN_OR_RETURN(out.reader,
                          RecordReader::open_csv(file.path, file.name, files.dialect, options.skip_lines, limits));
  RB_SDK_ASSIGN_OR_RETURN(const auto fields, out.reader->first_record(options.header));
  if (!fields) return out;
  if (options.header) {
    const FieldRules rules = options.field_rules(files.format);
    std::vector<std::string> header;
    std::string scratch;
    for (const FieldSpan& field : *fields) {
      header.emplace_back(field_text(out.reader->data(), field, rules, scratch));
    }
    RB_SDK_RETURN_NOT_OK(check_names(header, file.name, false));
    out.names = unique_names(std::move(header));
  } else {
    for (size_t i = 0; i < fields->size(); ++i) out.names.push_back("column_" + std::to_string(i + 1));
  }
  out.reader->set_columns(static_cast<uint32_t>(out.names.size()));
  return out;
}

Result<Schema> discover_schema(const StreamOptions& stream, const StreamFiles& files) {
  const FieldRules rules = stream.read.field_rules(files.format);
  Sample sample(stream, rules);
  const size_t count = std::min<size_t>(files.files.size(), stream.read.sample_files);
  std::string first_problem;
  for (size_t i = 0; i < count; ++i) {
    RB_SDK_RETURN_NOT_OK(files.format == Format::kCsv
                             ? sample_csv(files.files[i], files, stream, sample)
                             : sample_ndjson(files.files[i], files, stream, sample, first_problem));
  }
  if (sample.rows() == 0 && !first_problem.empty()) {
    // on_data_error does not apply: without a single record there are no columns, so no table.
    return sdk::schema_error(
        codes::kNoColumns, "stream '" + stream.name +
                               "': no record of the sample can be read, so its columns are unknown: " + first_problem);
  }
  if (sample.names().empty()) {
    return sdk::schema_error(codes::kNoColumns,
                             "stream '" + stream.name + "': file '" + files.files.front().name +
                                 (files.format == Format::kCsv ? "' is empty, so it has no columns"
                                  : sample.rows() != 0         ? "' has only records without keys, so it has no columns"
                                                               : "' has no records, so its columns are unknown"));
  }
  if (files.format == Format::kCsv && sample.names().size() == 1) {
    for (const char other : {';', '\t', '|', ','}) {
      if (other == files.dialect.delimiter || sample.names()[0].find(other) == std::string::npos) continue;
      sdk::host::log_warn("stream '" + stream.name + "': file '" + files.files.front().name + "' has one column, '" +
                          printable(sample.names()[0]) + "'. Is the option delimiter right?");
      break;
    }
  }
  Schema schema;
  for (uint32_t c = 0; c < sample.names().size(); ++c)
    schema.fields.push_back({sample.names()[c], sample.type(c), true});
  for (const ColumnOverride& column : stream.columns) {
    const auto index = schema.index_of(column.name);
    if (!index) {
      // A key of NDJSON may be missing from the sample and yet be known to the user.
      if (files.format == Format::kNdjson) {
        schema.fields.push_back({column.name, column.type, true});
        continue;
      }
      return sdk::config_error(codes::kColumnNotFound,
                               "stream '" + stream.name + "': columns." + column.name +
                                   " is set, but the files have no such column; they have: " + listed(sample.names()));
    }
    schema.fields[*index].type = column.type;
  }
  return schema;
}

Result<std::vector<ColumnSpec>> column_specs(const Schema& schema, const StreamOptions& stream) {
  std::vector<ColumnSpec> specs;
  for (const sdk::Field& field : schema.fields) {
    if (!is_supported_type(field.type)) {
      return sdk::schema_error(codes::kUnknownType, "stream '" + stream.name + "', column '" + field.name + "': type " +
                                                        field.type.name() + " cannot be read from files");
    }
    ColumnSpec spec;
    spec.name = field.name;
    spec.type = field.type;
    for (const ColumnOverride& column : stream.columns) {
      if (column.name != field.name) continue;
      spec.set_by_user = true;
      spec.pattern = column.pattern;
    }
    if (spec.pattern.empty() && field.type.id == sdk::TypeId::kDate32)
      spec.pattern = stream.read.inference.date_pattern;
    if (spec.pattern.empty() && field.type.id == sdk::TypeId::kTimestamp)
      spec.pattern = stream.read.inference.timestamp_pattern;
    specs.push_back(std::move(spec));
  }
  return specs;
}

}  // namespace rapidbyte::source_file
