#include "src/copy_load.h"

#include <utility>

#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"
#include "src/load_sql.h"
#include "src/row_search.h"

namespace rapidbyte::dest_postgres {
CopyLoad::~CopyLoad() {
  if (!copy_ || !state_.session.is_open()) return;
  // Makes the server end the transaction and release its locks now, not when it finds the connection gone.
  const Status given_up = copy_->fail("rapidbyte gave the load up");
  if (!given_up.ok()) sdk::host::log_debug("ending a COPY: " + given_up.to_string());
}

Status CopyLoad::prepare_table() {
  Session& session = state_.session;
  if (state_.plan.key.empty()) return {};
  // One with other columns, or from the previous stream; a rollback may have removed it.
  const std::string drop = session.had_upsert_table ? std::string("DROP TABLE IF EXISTS ") + kUpsertTable + "; " : "";
  RB_SDK_RETURN_NOT_OK(session.exec(drop + create_upsert_table_sql(state_.plan)));
  session.had_upsert_table = true;
  return {};
}

Status CopyLoad::prepare_rows() {
  state_.encoder.use(state_.plan);
  make_sql();
  merge_sql_ = state_.plan.key.empty() ? std::string() : merge_sql(state_.plan);
  return {};
}

void CopyLoad::make_sql() {
  sql_ = copy_sql(state_.plan);
  // The savepoint has no round trips of its own; for upsert it covers the merge, too.
  try_sql_ = std::string(kBeginTry) + "; " + sql_;
  if (state_.plan.key.empty()) try_sql_ += "; " + std::string(kEndTry);
}

Status CopyLoad::use_text_format(bool empties_table) {
  if (empties_table) RB_SDK_RETURN_NOT_OK(state_.session.exec(std::string("TRUNCATE ") + kUpsertTable));
  state_.plan.format = RowFormat::kText;
  state_.encoder.use(state_.plan);
  make_sql();
  sdk::host::log_debug("stream \"" + state_.ctx.stream_name + "\": from row " + std::to_string(state_.rows_seen + 1) +
                       " on, rows are sent in COPY's text format: a value is not written as the server writes it, and "
                       "the server is to read it");
  return {};
}

Status CopyLoad::open(const std::string& sql) {
  auto started = state_.session.connection().copy_in(std::exchange(state_.begin_rows_sql, {}) + sql);
  if (!started.ok()) return std::move(started).status();
  copy_.emplace(std::move(*started));
  const std::string_view header = RowEncoder::header(state_.plan.format);
  copy_->out().append(header.data(), header.size());
  return {};
}

Status CopyLoad::encode(size_t begin, size_t end) {
  while (begin < end) {
    begin = state_.encoder.encode(begin, end, copy_->out(), copy_->wanted_bytes());
    RB_SDK_RETURN_NOT_OK(copy_->send_if_full());
  }
  return {};
}

Status CopyLoad::finish(uint64_t rows) {
  const std::string_view trailer = RowEncoder::trailer(state_.plan.format);
  copy_->out().append(trailer.data(), trailer.size());
  // Triggers and foreign keys check the rows now.
  const Session::Patience patience(state_.session);
  RB_SDK_ASSIGN_OR_RETURN(const postgres::CommandResult result, copy_->finish());
  return result.affected_rows == rows ? Status() : state_.discarded(rows, result.affected_rows);
}

Status CopyLoad::begin() {
  first_row_ = state_.rows_seen;
  rows_ = 0;
  return open(sql_);
}

Status CopyLoad::append() {
  rows_ += state_.batch.rows();
  Status sent = encode(0, state_.batch.rows());
  if (!sent.ok()) copy_.reset();
  return sent;
}

Status CopyLoad::end() {
  Status ended = finish(rows_);
  copy_.reset();
  return ended;
}

Status CopyLoad::merge() {
  if (state_.plan.key.empty()) return {};
  Session& session = state_.session;
  const Session::Patience patience(session);
  std::optional<std::string> keys;
  if (counts_upserts(state_.plan)) {
    std::string list;
    for (const std::string& name : state_.plan.key) {
      list += (list.empty() ? "" : ", ") + table::quote_name(name);
    }
    RB_SDK_ASSIGN_OR_RETURN(keys, session.value(std::string("SELECT pg_catalog.count(*) FROM (SELECT DISTINCT ") +
                                                list + " FROM " + kUpsertTable + ") k"));
  }
  // No extra round trip. Where single rows are refused, each load already has a savepoint.
  const std::string savepoint = state_.fails() ? std::string("SAVEPOINT ") + kMergeSavepoint + "; " : std::string();
  RB_SDK_ASSIGN_OR_RETURN(const postgres::CommandResult result, session.connection().exec(savepoint + merge_sql_));
  // Without triggers nothing can drop a row, and rows that did not change are not counted.
  if (!keys || *keys == std::to_string(result.affected_rows)) return {};
  return state_.discarded(count_of(keys), result.affected_rows);
}

Status CopyLoad::begin_group() {
  // No row has been sent yet, so an error is not about one.
  return open(try_sql_);
}

Status CopyLoad::append_to_group() { return encode(0, state_.batch.rows()); }

Result<std::optional<sdk::Error>> CopyLoad::end_group(Status sent, uint64_t rows) {
  if (sent.ok()) sent = finish_try(rows);
  copy_.reset();
  return end_try(state_.session, std::move(sent));
}

Result<std::optional<sdk::Error>> CopyLoad::try_load(size_t begin, size_t end) {
  const auto load = [&]() -> Status {
    RB_SDK_RETURN_NOT_OK(open(try_sql_));
    Status sent = encode(begin, end);
    if (sent.ok()) sent = finish_try(state_.kept_rows(begin, end));
    copy_.reset();
    return sent;
  };
  return end_try(state_.session, load());
}

Status CopyLoad::finish_try(uint64_t rows) {
  RB_SDK_RETURN_NOT_OK(finish(rows));
  if (state_.plan.key.empty()) return {};
  RB_SDK_RETURN_NOT_OK(merge());
  return state_.session.exec(std::string("TRUNCATE ") + kUpsertTable + "; " + std::string(kEndTry));
}

std::optional<uint64_t> CopyLoad::refused_line(const sdk::Error& error) const {
  const auto server = postgres::server_error_of(error);
  return server ? server->copy_line() : std::nullopt;
}

}  // namespace rapidbyte::dest_postgres
