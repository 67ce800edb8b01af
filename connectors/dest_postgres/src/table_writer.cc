#include "src/table_writer.h"

#include <charconv>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "src/load_sql.h"
#include "src/row_search.h"

namespace rapidbyte::dest_postgres {
using postgres::CopyIn;
using postgres::Parameter;
using postgres::quote_identifier;

namespace {

uint64_t count_of(const std::optional<std::string>& text) {
  uint64_t count = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), count);
  return count;
}

}  // namespace

TableWriter::TableWriter(Session& session, const sdk::StreamContext& ctx, LoadMethod method, Prepare prepare)
    : session_(session), ctx_(ctx), method_(method), prepare_(std::move(prepare)), group_bytes_(most_group_bytes()) {}

TableWriter::~TableWriter() {
  if (!copy_ || !session_.is_open()) return;
  // So that the server ends the transaction and gives up its locks now, and not when it finds the connection gone.
  const Status given_up = copy_->fail("rapidbyte gave the load up");
  if (!given_up.ok()) sdk::host::log_debug("ending a COPY: " + given_up.to_string());
}

Status TableWriter::prepare() {
  RB_SDK_RETURN_NOT_OK(end_rows());
  const auto plan = [&]() -> Status {
    RB_SDK_ASSIGN_OR_RETURN(plan_, prepare_(batch_));
    if (plan_.calls_code) session_.expect_code();
    plan_.number_rows = !plan_.key.empty();
    // The temporary table of an upsert by COPY has one column more than the target, which may be one too many.
    if (plan_.number_rows && plan_.columns.size() >= kMaxColumns) {
      method_ = LoadMethod::kInsert;
      group_bytes_ = most_group_bytes();
    }
    if (method_ == LoadMethod::kInsert) plan_.format = RowFormat::kBinary;
    return make_upsert_table();
  };
  // Tables are altered in a transaction of their own, so that nobody waits for the whole load. When the schema changes
  // in the middle of a transaction, the change is part of it.
  const bool nested = session_.in_transaction();
  // Who has opened it before the first rows is still under the system's path.
  if (nested && generation_ != 0) RB_SDK_RETURN_NOT_OK(session_.exec(std::string(kSystemPath)));
  Status planned = plan();
  if (!planned.ok()) {
    if (!nested) session_.rollback();
    return planned;
  }
  // The rows' own transaction begins by the same round trip, that of a COPY by the one that begins it.
  begin_rows_sql_ = (nested ? "" : "COMMIT AND CHAIN; ") + std::string(kRolePath) + "; ";
  if (!plan_.before_rows.empty()) begin_rows_sql_ += plan_.before_rows + "; ";
  if (method_ == LoadMethod::kInsert) RB_SDK_RETURN_NOT_OK(session_.exec(std::exchange(begin_rows_sql_, {})));
  if (method_ == LoadMethod::kInsert) {
    for (ColumnPlan& column : plan_.columns) column.binary_text = false;
  }
  encoder_.use(plan_);
  described_ = with_context(batch_.schema(), ctx_.schema);
  make_copy_sql();
  merge_sql_ = plan_.key.empty() ? std::string() : merge_sql(plan_);
  insert_types_.clear();
  arrays_.clear();
  if (method_ == LoadMethod::kInsert) {
    insert_sql_ = plan_.columns.empty()
                      ? "INSERT INTO " + plan_.name.sql() + " SELECT FROM pg_catalog.generate_series(1, $1)"
                      : insert_sql(plan_);
    for (const ColumnPlan& column : plan_.columns) insert_types_.push_back(array_type(column).array);
    if (plan_.number_rows) insert_types_.push_back(postgres::kOidInt8Array);
    arrays_.resize(insert_types_.size());
  }
  schema_version_ = batch_.schema_version();
  generation_ = session_.generation();
  return {};
}

void TableWriter::make_copy_sql() {
  copy_sql_ = copy_sql(plan_);
  // The savepoint has no round trips of its own; for upsert it covers the merge, too.
  try_copy_sql_ = std::string(kBeginTry) + "; " + copy_sql_;
  if (plan_.key.empty()) try_copy_sql_ += "; " + std::string(kEndTry);
}

Status TableWriter::use_text_format() {
  const bool merged = copy_ && !plan_.key.empty();
  RB_SDK_RETURN_NOT_OK(end_rows());
  if (merged) RB_SDK_RETURN_NOT_OK(session_.exec(std::string("TRUNCATE ") + kUpsertTable));
  plan_.format = RowFormat::kText;
  encoder_.use(plan_);
  make_copy_sql();
  sdk::host::log_debug("stream \"" + ctx_.stream_name + "\": from row " + std::to_string(rows_seen_ + 1) +
                       " on, rows are sent in COPY's text format: a value is not written as the server writes it, and "
                       "the server is to read it");
  return {};
}

Status TableWriter::make_upsert_table() {
  if (plan_.key.empty() || method_ != LoadMethod::kCopy) return {};
  // One of other columns, or of the stream before; a rollback may have taken it back.
  const std::string drop = session_.had_upsert_table ? std::string("DROP TABLE IF EXISTS ") + kUpsertTable + "; " : "";
  RB_SDK_RETURN_NOT_OK(session_.exec(drop + create_upsert_table_sql(plan_)));
  session_.had_upsert_table = true;
  return {};
}

Result<sdk::WriteCount> TableWriter::write(std::span<const uint8_t> bytes) {
  RB_SDK_RETURN_NOT_OK(batch_.load(bytes));
  if (batch_.schema_version() != schema_version_ || generation_ != session_.generation()) {
    RB_SDK_RETURN_NOT_OK(prepare());
  } else {
    RB_SDK_RETURN_NOT_OK(check_late_values());
  }
  RB_SDK_RETURN_NOT_OK(session_.begin_rows());
  encoder_.load(batch_, static_cast<int64_t>(rows_seen_));
  if (encoder_.needs_text()) {
    // Ends what is being sent, for which another batch may have to be loaded again.
    RB_SDK_RETURN_NOT_OK(use_text_format());
    RB_SDK_RETURN_NOT_OK(batch_.load(bytes));
    encoder_.load(batch_, static_cast<int64_t>(rows_seen_));
  }
  const size_t rows = batch_.rows();
  for (const RefusedRow& refused : encoder_.refused()) RB_SDK_RETURN_NOT_OK(reject(refused));
  if (one_statement_per_commit()) {
    held_.add_within(kMostRecentBytes, bytes, rows_seen_, rows);
    RB_SDK_RETURN_NOT_OK(append_to_copy());
    count_.written += rows;
  } else {
    RB_SDK_RETURN_NOT_OK(append_to_group(bytes));
  }
  rows_seen_ += rows;
  return std::exchange(count_, {});
}

Status TableWriter::check_late_values() const {
  if (!plan_.no_columns.empty() && batch_.rows() != 0) return sdk::schema_error(codes::kNoColumns, plan_.no_columns);
  for (const ColumnPlan& column : plan_.columns) {
    if (column.type_changed.empty() || !batch_.has_values(column.source)) continue;
    return sdk::schema_error(codes::kTypeChanged, column.type_changed);
  }
  return {};
}

Status TableWriter::open_copy(const std::string& sql) {
  auto started = session_.connection().copy_in(std::exchange(begin_rows_sql_, {}) + sql);
  if (!started.ok()) return std::move(started).status();
  copy_.emplace(std::move(*started));
  copy_->out().append(RowEncoder::header(plan_.format).data(), RowEncoder::header(plan_.format).size());
  return {};
}

Status TableWriter::encode_into(CopyIn& copy, size_t begin, size_t end) {
  while (begin < end) {
    begin = encoder_.encode(begin, end, copy.out(), copy.wanted_bytes());
    RB_SDK_RETURN_NOT_OK(copy.send_if_full());
  }
  return {};
}

Status TableWriter::end_copy(CopyIn& copy, uint64_t rows) {
  const std::string_view trailer = RowEncoder::trailer(plan_.format);
  copy.out().append(trailer.data(), trailer.size());
  // Triggers and foreign keys look at the rows now.
  const Session::Patience patience(session_);
  RB_SDK_ASSIGN_OR_RETURN(const postgres::CommandResult result, copy.finish());
  return result.affected_rows == rows ? Status() : discarded(rows, result.affected_rows);
}

Status TableWriter::append_to_copy() {
  if (!copy_) {
    copy_first_row_ = rows_seen_;
    copied_ = 0;
    RB_SDK_RETURN_NOT_OK(open_copy(copy_sql_));
  }
  copied_ += batch_.rows();
  const Status sent = encode_into(*copy_, 0, batch_.rows());
  if (sent.ok()) return {};
  copy_.reset();
  return row_error(sent, copy_first_row_);
}

Status TableWriter::append_to_group(std::span<const uint8_t> bytes) {
  if (!in_group_) RB_SDK_RETURN_NOT_OK(begin_group());
  const size_t rows = batch_.rows();
  // The last one is there until its group has ended. That matters for large ones.
  const bool is_last = held_.bytes() + bytes.size() >= group_bytes_;
  if (is_last) {
    held_.borrow(bytes, rows_seen_, rows);
  } else {
    held_.add(bytes, rows_seen_, rows);
  }
  copied_ += kept_rows(0, rows);
  Status sent;
  if (copy_) {
    sent = encode_into(*copy_, 0, rows);
  } else {
    gather(0, rows);
  }
  return sent.ok() && !is_last ? Status() : end_group(std::move(sent));
}

Status TableWriter::begin_group() {
  copied_ = 0;
  held_.clear();
  forget_gathered();
  // No row is sent yet, so an error is not about one.
  if (method_ == LoadMethod::kCopy) RB_SDK_RETURN_NOT_OK(open_copy(try_copy_sql_));
  in_group_ = true;
  return {};
}

Result<sdk::WriteCount> TableWriter::finish_rows() {
  RB_SDK_RETURN_NOT_OK(end_rows());
  return std::exchange(count_, {});
}

Status TableWriter::end_rows() {
  if (in_group_) return end_group({});
  if (!copy_) return {};
  const Status ended = end_copy(*copy_, copied_);
  copy_.reset();
  if (!ended.ok()) return row_error(ended, copy_first_row_);
  const Status merged = merge();
  return merged.ok() ? Status() : merge_error(merged);
}

Status TableWriter::merge() {
  if (plan_.key.empty()) return {};
  const Session::Patience patience(session_);
  std::optional<std::string> keys;
  if (counts_upserts(plan_)) {
    std::string list;
    for (const std::string& name : plan_.key) list += (list.empty() ? "" : ", ") + quote_identifier(name);
    RB_SDK_ASSIGN_OR_RETURN(keys, session_.value(std::string("SELECT pg_catalog.count(*) FROM (SELECT DISTINCT ") +
                                                 list + " FROM " + kUpsertTable + ") k"));
  }
  // No round trip of its own. Where single rows are refused, each load has a savepoint already.
  const std::string savepoint =
      one_statement_per_commit() ? std::string("SAVEPOINT ") + kMergeSavepoint + "; " : std::string();
  RB_SDK_ASSIGN_OR_RETURN(const postgres::CommandResult result, session_.connection().exec(savepoint + merge_sql_));
  // Without triggers nothing can drop a row, and rows that did not change are not counted.
  if (!keys || *keys == std::to_string(result.affected_rows)) return {};
  return discarded(count_of(keys), result.affected_rows);
}

Result<std::optional<sdk::Error>> TableWriter::try_load(size_t begin, size_t end) {
  if (method_ == LoadMethod::kCopy) return end_try(session_, try_copy(begin, end));
  return try_rows(session_, [&] { return insert_rows(begin, end); });
}

Status TableWriter::try_copy(size_t begin, size_t end) {
  RB_SDK_RETURN_NOT_OK(open_copy(try_copy_sql_));
  Status sent = encode_into(*copy_, begin, end);
  if (sent.ok()) sent = end_try_copy(kept_rows(begin, end));
  copy_.reset();
  return sent;
}

Status TableWriter::end_try_copy(uint64_t rows) {
  RB_SDK_RETURN_NOT_OK(end_copy(*copy_, rows));
  if (plan_.key.empty()) return {};
  RB_SDK_RETURN_NOT_OK(merge());
  return session_.exec(std::string("TRUNCATE ") + kUpsertTable + "; " + std::string(kEndTry));
}

Status TableWriter::insert_rows(size_t begin, size_t end) {
  forget_gathered();
  gather(begin, end);
  return try_insert();
}

void TableWriter::forget_gathered() {
  gathered_ = 0;
  for (sdk::ByteBuffer& array : arrays_) array.clear();
}

void TableWriter::gather(size_t begin, size_t end) {
  gathered_ += kept_rows(begin, end);
  for (size_t i = 0; i < arrays_.size(); ++i) {
    if (i < plan_.columns.size()) {
      encoder_.encode_array(i, begin, end, array_type(plan_.columns[i]).element, arrays_[i]);
    } else {
      encoder_.encode_row_numbers(begin, end, arrays_[i]);
    }
  }
}

Status TableWriter::insert_gathered() {
  if (gathered_ == 0) return {};
  std::vector<Parameter> parameters;
  const std::string row_count = std::to_string(gathered_);
  if (plan_.columns.empty()) parameters.emplace_back(row_count);
  for (const sdk::ByteBuffer& array : arrays_) {
    const std::span<const uint8_t> bytes = array.span();
    parameters.push_back(Parameter::binary({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  }
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult result,
                          session_.connection().execute(insert_sql_, parameters, insert_types_));
  if (!plan_.key.empty()) {
    if (!counts_upserts(plan_) || result.rows.front()[0] == result.rows.front()[1]) return {};
    return discarded(count_of(result.rows.front()[0]), count_of(result.rows.front()[1]));
  }
  return result.command.affected_rows == gathered_ ? Status() : discarded(gathered_, result.command.affected_rows);
}

uint64_t TableWriter::kept_rows(size_t begin, size_t end) const {
  uint64_t kept = end - begin;
  if (!encoder_.any_skipped()) return kept;
  for (size_t row = begin; row < end; ++row) kept -= encoder_.is_skipped(row) ? 1 : 0;
  return kept;
}

Status TableWriter::discarded(uint64_t sent, uint64_t kept) const {
  return sdk::data_error(codes::kRowDiscarded,
                         "stream \"" + ctx_.stream_name + "\": of " + std::to_string(sent) + " rows sent to table " +
                             plan_.name.text() + " the server kept " + std::to_string(kept) +
                             ": a trigger drops rows without an error. Rows are never lost silently: drop the "
                             "trigger, or filter in the source.");
}

}  // namespace rapidbyte::dest_postgres
