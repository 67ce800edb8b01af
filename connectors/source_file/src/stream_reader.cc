#include "stream_reader.h"

#include <algorithm>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::source_file {

namespace {

using sdk::Json;
using sdk::Result;
using sdk::Status;

// Spans hold lengths up to 256 MiB; half of that leaves room for the buffer around a record.
constexpr uint64_t kMaxRecordBytes = uint64_t{128} << 20U;
// If the host sets no limit: longer records are more likely an unclosed quote than data.
constexpr uint64_t kDefaultRecordBytes = uint64_t{16} << 20U;
// Asking the host costs a call; every 256 blocks (up to 16 MiB of text) is soon enough.
constexpr uint64_t kBlocksPerCancelCheck = 256;

ReaderLimits reader_limits(const sdk::Limits& limits) {
  ReaderLimits out;
  out.max_record_bytes =
      std::min(limits.max_record_bytes == 0 ? kDefaultRecordBytes : limits.max_record_bytes, kMaxRecordBytes);
  // Several blocks make a batch, so that batches come close to their target without exceeding it. 32 bytes per field
  // are more than any fixed-width value with its share of offsets and bits.
  const uint64_t batch = std::max<uint64_t>(limits.max_batch_bytes, 4096);
  out.max_block_bytes = static_cast<uint32_t>(std::clamp<uint64_t>(batch / 8, 1024, uint64_t{64} * 1024));
  out.max_block_fields = static_cast<uint32_t>(std::clamp<uint64_t>(batch / 32, 64, uint64_t{16} * 1024));
  return out;
}

}  // namespace

StreamReader::StreamReader(const sdk::StreamContext& ctx, const StreamOptions& stream, StreamFiles files,
                           std::vector<ColumnSpec> specs, sdk::IpcEncoder encoder, ReaderLimits limits)
    : ctx_(ctx),
      stream_(stream),
      files_(std::move(files)),
      specs_(std::move(specs)),
      rules_(stream.read.field_rules(files_.format)),
      limits_(limits),
      encoder_(std::move(encoder)),
      pacer_(ctx),
      rejection_(stream.name, ctx.policies.on_data_error, limits.max_record_bytes) {
  batch_target_ = sdk::batch_payload_bytes(ctx.limits, specs_.size());
  for (const ColumnSpec& spec : specs_) writers_.emplace_back(spec, rules_);
}

Result<sdk::ReadSummary> StreamReader::run(const sdk::StreamContext& ctx, const std::string& folder,
                                           const StreamOptions& stream) {
  RB_SDK_ASSIGN_OR_RETURN(StreamFiles files, resolve_files(folder, stream));
  sdk::Schema schema = ctx.schema;
  if (schema.fields.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(schema, discover_schema(stream, files));
  }
  RB_SDK_ASSIGN_OR_RETURN(std::vector<ColumnSpec> specs, column_specs(schema, stream));
  RB_SDK_ASSIGN_OR_RETURN(sdk::IpcEncoder encoder, sdk::IpcEncoder::make(schema));
  StreamReader reader(ctx, stream, std::move(files), std::move(specs), std::move(encoder), reader_limits(ctx.limits));
  RB_SDK_RETURN_NOT_OK(reader.set_up_cursor());
  RB_SDK_RETURN_NOT_OK(reader.set_up_resume());
  RB_SDK_RETURN_NOT_OK(reader.read_all());
  reader.summary_.checkpoint_count = reader.pacer_.count();
  reader.summary_.records_skipped = reader.rejection_.rejected();
  return reader.summary_;
}

Status StreamReader::set_up_cursor() {
  if (ctx_.sync_mode == sdk::SyncMode::kCdc) {
    return sdk::config_error(
        codes::kUnsupportedSyncMode,
        "stream '" + stream_.name + "': files have no change log; use full_refresh or incremental");
  }
  if (ctx_.cursor) last_cursor_ = ctx_.cursor->last_value;
  if (ctx_.sync_mode != sdk::SyncMode::kIncremental) {
    meaning_.emplace(stream_, files_, nullptr, ctx_.policies.type_change);
    return {};
  }
  if (!ctx_.cursor || ctx_.cursor->field.empty()) {
    return sdk::config_error(codes::kCursorFieldMissing,
                             "stream '" + stream_.name + "': sync_mode incremental needs a cursor_field");
  }
  const auto found =
      std::find_if(specs_.begin(), specs_.end(), [&](const ColumnSpec& s) { return s.name == ctx_.cursor->field; });
  if (found == specs_.end()) {
    std::string names;
    for (const ColumnSpec& spec : specs_) names += (names.empty() ? "" : ", ") + spec.name;
    return sdk::config_error(codes::kCursorFieldMissing, "stream '" + stream_.name + "': cursor_field '" +
                                                             ctx_.cursor->field +
                                                             "' is not a column; the columns are: " + names);
  }
  cursor_column_ = static_cast<uint32_t>(found - specs_.begin());
  meaning_.emplace(stream_, files_, &*found, ctx_.policies.type_change);
  RB_SDK_ASSIGN_OR_RETURN(const sdk::CursorValue last, meaning_->unbind(last_cursor_, known_rejections_));
  auto filter = CursorFilter::make(*found, last);
  if (!filter.ok()) return std::move(filter).status().with_context("stream '" + stream_.name + "'");
  cursor_ = std::move(*filter);
  cursor_values_.emplace(*found, rules_);
  return {};
}

Status StreamReader::set_up_resume() {
  if (ctx_.resume.is_null()) return {};
  const Json* position = sdk::find_member(ctx_.resume, "position");
  if (position == nullptr) {
    // A checkpoint that covers nothing has no meaningful position.
    if (sdk::uint_member(ctx_.resume, "records_processed").value_or(0) == 0) return {};
    return sdk::internal_error(
        codes::kInvalidResume,
        "stream '" + stream_.name + "': the checkpoint to resume from has no position; " + restart_hint());
  }
  RB_SDK_ASSIGN_OR_RETURN(resume_, ResumePosition::from_json(*position));
  RB_SDK_RETURN_NOT_OK(meaning_->check_load(resume_->meaning.is_null() ? nullptr : &resume_->meaning));
  RB_SDK_RETURN_NOT_OK(check_position(*resume_, files_.files, stream_.name));
  rejections_ = resume_->rejected;
  if (cursor_) RB_SDK_RETURN_NOT_OK(cursor_->raise_max(resume_->cursor_max));
  files_done_ = resume_->files_done;
  return {};
}

Status StreamReader::read_all() {
  while (files_done_ < files_.files.size()) {
    RB_SDK_RETURN_NOT_OK(read_file(files_.files[files_done_]));
    ++files_done_;
  }
  reader_.reset();
  RB_SDK_RETURN_NOT_OK(flush(nullptr));
  log_rejections();
  if (surplus_dropped_ != 0) {
    sdk::host::log_warn("stream '" + stream_.name + "': surplus fields of " + std::to_string(surplus_dropped_) +
                        " records were dropped (ragged: pad_and_drop)");
  }
  return pacer_.emit(cursor_ ? meaning_->bind(cursor_->max(), rejections_) : last_cursor_, checkpoint_extra(nullptr));
}

void StreamReader::log_rejections() const {
  rejection_.log_summary();
  if (passed_over_ != 0) {
    sdk::host::log_info("stream '" + stream_.name + "': " + std::to_string(passed_over_) +
                        " records that earlier runs rejected are still in the files; they were skipped and are "
                        "not counted");
  }
  if (rejections_.full()) {
    sdk::host::log_warn("stream '" + stream_.name + "': more than " + std::to_string(KnownRejections::kMost) +
                        " records were rejected. Only so many are remembered: the others are rejected again by every "
                        "run until they are fixed or removed");
  }
}

Status StreamReader::map_columns(const std::vector<std::string>& names) {
  field_names_ = names;
  field_columns_.clear();
  field_specs_.clear();
  missing_columns_.clear();
  cursor_field_.reset();
  std::vector<bool> found(specs_.size(), false);
  for (const std::string& name : names) {
    const auto spec = std::find_if(specs_.begin(), specs_.end(), [&](const ColumnSpec& s) { return s.name == name; });
    if (spec == specs_.end()) {
      return sdk::schema_error(codes::kSchemaChanged,
                               "stream '" + stream_.name + "': file '" + reader_->name() + "' has a column '" +
                                   printable(name) +
                                   "' that the stream does not have. It did not occur in the sample: raise the option "
                                   "sample_files, or narrow the stream's path");
    }
    const auto column = static_cast<uint32_t>(spec - specs_.begin());
    found[column] = true;
    if (cursor_ && column == cursor_column_) cursor_field_ = static_cast<uint32_t>(field_columns_.size());
    field_columns_.push_back(column);
    field_specs_.push_back(&specs_[column]);
  }
  for (uint32_t column = 0; column < specs_.size(); ++column) {
    if (!found[column]) missing_columns_.push_back(column);
  }
  if (!missing_columns_.empty()) {
    sdk::host::log_warn(
        "stream '" + stream_.name + "': file '" + reader_->name() + "' has no column '" +
        specs_[missing_columns_.front()].name + "'" +
        (missing_columns_.size() > 1 ? " and " + std::to_string(missing_columns_.size() - 1) + " others" : "") +
        "; null is read for it");
  }
  return {};
}

Status StreamReader::read_file(const FileEntry& file) {
  RB_SDK_ASSIGN_OR_RETURN(OpenFile open, open_stream_file(file, files_, stream_.read, limits_));
  reader_ = std::move(open.reader);
  // What is read, and what a position says was read, is the file as it was now.
  files_.files[files_done_].size = reader_->file_size();
  if (files_.format == Format::kNdjson) {
    std::vector<std::string> keys;
    keys.reserve(specs_.size());
    for (const ColumnSpec& spec : specs_) keys.push_back(spec.name);
    RB_SDK_RETURN_NOT_OK(map_columns(keys));
    reader_->set_keys(std::move(keys));
  } else {
    if (open.names.empty()) {
      if (resume_ && !resume_->file.empty())
        return source_changed(stream_.name, "file '" + file.name + "' is empty now");
      RB_SDK_RETURN_NOT_OK(reader_->check_end());
      log_news();
      return {};
    }
    RB_SDK_RETURN_NOT_OK(map_columns(open.names));
  }
  if (resume_) {
    if (!resume_->file.empty()) {
      RB_SDK_ASSIGN_OR_RETURN(const bool unchanged, reader_->skip_to(resume_->at));
      if (!unchanged) {
        return source_changed(stream_.name, "the part of file '" + file.name + "' that was already read (" +
                                                std::to_string(resume_->at.offset) + " bytes) is not what it was then");
      }
    }
    resume_.reset();
  }
  RecordBlock block;
  const uint64_t begin = reader_->offset();
  while (true) {
    RB_SDK_ASSIGN_OR_RETURN(const bool more, reader_->next(block));
    if (!more) break;
    RB_SDK_RETURN_NOT_OK(process_block(block));
    if (++blocks_ % kBlocksPerCancelCheck == 0 && sdk::host::is_cancelled()) {
      return sdk::make_error(sdk::ErrorCategory::kInternal, codes::kCancelled,
                             "stream '" + stream_.name + "': the run is being cancelled");
    }
  }
  summary_.bytes_read += reader_->offset() - begin;
  log_news();
  return {};
}

void StreamReader::log_news() const {
  const FileNews news = reader_->news();
  const std::string file = "stream '" + stream_.name + "': file '" + reader_->name() + "' was ";
  if (news.grew) {
    sdk::host::log_warn(file +
                        "added to while it was read. It was read up to the last line end that was there at the "
                        "beginning; what follows is " +
                        (ctx_.sync_mode == sdk::SyncMode::kIncremental ? "left to the next run" : "not in this load"));
  }
  if (news.replaced) {
    sdk::host::log_warn(file +
                        "replaced or removed while it was read. The original file has "
                        "been read to its end; a new one is left to the next run");
  }
}

void StreamReader::filter_by_cursor(const RecordBlock& block) {
  if (!cursor_field_) {
    // The file lacks the cursor's column: every row's cursor is null.
    for (const uint32_t row : rows_)
      problems_.push_back({row, ProblemKind::kNullCursor, RecordProblem::kNoColumn, 0, {}});
    rows_.clear();
    return;
  }
  cursor_values_->clear();
  const size_t known = problems_.size();
  cursor_values_->append(reader_->data(), block, *cursor_field_, rows_, problems_);
  size_t wrong = known;
  const size_t wrong_end = problems_.size();
  size_t kept = 0;
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (wrong < wrong_end && problems_[wrong].row == rows_[i]) {
      ++wrong;
    } else if (cursor_values_->is_null(i)) {
      problems_.push_back({rows_[i], ProblemKind::kNullCursor, *cursor_field_, 0, {}});
    } else if (cursor_->is_new(*cursor_values_, i)) {
      rows_[kept++] = rows_[i];
    }
  }
  rows_.resize(kept);
}

void StreamReader::append_rows(const RecordBlock& block) {
  for (uint32_t field = 0; field < field_columns_.size(); ++field) {
    writers_[field_columns_[field]].append(reader_->data(), block, field, rows_, problems_);
  }
  for (const uint32_t column : missing_columns_) writers_[column].append_nulls(rows_.size());
}

Status StreamReader::process_block(const RecordBlock& block) {
  rows_.clear();
  problems_ = block.problems;
  surplus_dropped_ += block.surplus_dropped;
  size_t problem = 0;
  for (uint32_t row = 0; row < block.row_count; ++row) {
    if (problem < problems_.size() && problems_[problem].row == row) {
      while (problem < problems_.size() && problems_[problem].row == row) ++problem;
    } else {
      rows_.push_back(row);
    }
  }
  if (cursor_) filter_by_cursor(block);
  const size_t known_problems = problems_.size();
  if (!rows_.empty()) {
    if (batch_rows_ != 0 && batch_bytes() + bytes_needed(block) > batch_target_) RB_SDK_RETURN_NOT_OK(flush(&block));
    append_rows(block);
  }
  if (problems_.size() > known_problems) {
    // Removes the block and appends it again without the records that have just turned out bad.
    for (ColumnWriter& writer : writers_) writer.truncate(batch_rows_);
    std::vector<uint32_t> bad;
    for (size_t i = known_problems; i < problems_.size(); ++i) bad.push_back(problems_[i].row);
    std::sort(bad.begin(), bad.end());
    std::erase_if(rows_, [&](uint32_t row) { return std::binary_search(bad.begin(), bad.end(), row); });
    append_rows(block);
  }
  if (cursor_ && !rows_.empty()) {
    const uint32_t column = cursor_column_;
    for (size_t i = 0; i < rows_.size(); ++i) cursor_->count(writers_[column], batch_rows_ + i);
  }
  batch_rows_ += rows_.size();
  summary_.records_read += rows_.size();
  return problems_.empty() ? Status() : reject_problems(block);
}

Status StreamReader::reject_problems(const RecordBlock& block) {
  std::stable_sort(problems_.begin(), problems_.end(),
                   [](const RecordProblem& a, const RecordProblem& b) { return a.row < b.row; });
  const RejectionContext context{*reader_, block, field_names_, field_specs_, rules_};
  uint32_t last_row = UINT32_MAX;
  for (const RecordProblem& problem : problems_) {
    if (problem.row == last_row) continue;  // one reason per record is enough
    last_row = problem.row;
    if (cursor_ && is_known_rejection(block, problem.row)) continue;
    Status rejected = rejection_.reject(problem, context);
    if (!rejected.ok()) return reader_->explain(std::move(rejected));
    ++summary_.records_read;
  }
  return {};
}

bool StreamReader::is_known_rejection(const RecordBlock& block, uint32_t row) {
  const uint32_t begin = block.row_begin[row];
  const std::string_view record(reader_->data() + begin, block.row_end[row] - begin);
  const uint64_t key = KnownRejections::key(reader_->name(), reader_->text_offset(begin), record);
  rejections_.add(key);
  if (!known_rejections_.has(key)) return false;
  ++passed_over_;
  return true;
}

size_t StreamReader::batch_bytes() const {
  size_t bytes = 0;
  for (const ColumnWriter& writer : writers_) bytes += writer.byte_size();
  return bytes;
}

size_t StreamReader::bytes_needed(const RecordBlock& block) const {
  const size_t text = block.row_count == 0 ? 0 : block.row_end[block.row_count - 1] - block.row_begin[0];
  size_t bytes = text;
  for (const ColumnWriter& writer : writers_) bytes += writer.bytes_needed(rows_.size(), 0);
  return bytes;
}

Json StreamReader::checkpoint_extra(const FilePosition* at) const {
  ResumePosition position;
  position.files_done = files_done_;
  position.done_hash = hash_of_files(files_.files, files_done_);
  if (at != nullptr) {
    position.file = files_.files[files_done_].name;
    position.at = *at;
    position.meaning = meaning_->to_json();
    position.rejected = rejections_;
  }
  if (cursor_) position.cursor_max = cursor_->max();
  Json extra = Json::object();
  extra["position"] = position.to_json();
  return extra;
}

Status StreamReader::flush(const RecordBlock* next_block) {
  if (batch_rows_ == 0) return {};
  buffers_.clear();
  for (ColumnWriter& writer : writers_) buffers_.push_back(writer.buffers());
  RB_SDK_ASSIGN_OR_RETURN(const auto batch, encoder_.encode(static_cast<int64_t>(batch_rows_), buffers_));
  RB_SDK_RETURN_NOT_OK(sdk::host::emit_batch(batch));
  pacer_.add_batch(batch_rows_, batch.size());
  ++summary_.batches_emitted;
  batch_rows_ = 0;
  for (ColumnWriter& writer : writers_) writer.clear();
  if (next_block == nullptr || !pacer_.due()) return {};
  // Everything before the current block has been emitted or rejected. The cursor stays where the load began: files are
  // not sorted by it, so only the end of the read may move it.
  const FilePosition at = reader_->position_before();
  return pacer_.emit(last_cursor_, checkpoint_extra(&at));
}

}  // namespace rapidbyte::source_file
