#include "src/insert_load.h"

#include <utility>

#include "src/load_sql.h"
#include "src/row_search.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;

// Whether an INSERT has its values as texts, which the server parses as the column's type.
bool goes_as_text(const ColumnPlan& column) { return array_type(column).element != column.type.oid; }

Parameter parameter_of(const sdk::ByteBuffer& array) {
  const std::span<const uint8_t> bytes = array.span();
  return Parameter::binary({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

Status InsertLoad::prepare_table() {
  state_.plan.format = RowFormat::kBinary;
  return {};
}

Status InsertLoad::prepare_rows() {
  RB_SDK_RETURN_NOT_OK(state_.session.exec(std::exchange(state_.begin_rows_sql, {})));
  TargetPlan& plan = state_.plan;
  for (ColumnPlan& column : plan.columns) column.binary_text = false;
  state_.encoder.use(plan);
  sql_ = plan.columns.empty() ? "INSERT INTO " + plan.name.sql() + " SELECT FROM pg_catalog.generate_series(1, $1)"
                              : insert_sql(plan);
  types_.clear();
  for (const ColumnPlan& column : plan.columns) types_.push_back(array_type(column).array);
  if (plan.number_rows) types_.push_back(postgres::kOidInt8Array);
  arrays_.clear();
  arrays_.resize(types_.size());
  return {};
}

Status InsertLoad::begin_group() {
  forget_gathered();
  return {};
}

Status InsertLoad::append_to_group() {
  gather(0, state_.batch.rows());
  return {};
}

Result<std::optional<sdk::Error>> InsertLoad::end_group(Status /*sent*/, uint64_t /*rows*/) {
  if (!state_.fails()) return try_rows(state_.session, [&] { return try_insert(); });
  RB_SDK_RETURN_NOT_OK(insert_gathered());
  return std::optional<sdk::Error>();
}

Result<std::optional<sdk::Error>> InsertLoad::try_load(size_t begin, size_t end) {
  return try_rows(state_.session, [&] { return insert_rows(begin, end); });
}

Status InsertLoad::insert_rows(size_t begin, size_t end) {
  forget_gathered();
  gather(begin, end);
  return try_insert();
}

void InsertLoad::forget_gathered() {
  gathered_ = 0;
  for (sdk::ByteBuffer& array : arrays_) array.clear();
}

void InsertLoad::gather(size_t begin, size_t end) {
  gathered_ += state_.kept_rows(begin, end);
  const std::vector<ColumnPlan>& columns = state_.plan.columns;
  for (size_t i = 0; i < arrays_.size(); ++i) {
    if (i < columns.size()) {
      state_.encoder.encode_array(i, begin, end, array_type(columns[i]).element, arrays_[i]);
    } else {
      state_.encoder.encode_row_numbers(begin, end, arrays_[i]);
    }
  }
}

Status InsertLoad::insert_gathered() {
  if (gathered_ == 0) return {};
  std::vector<Parameter> parameters;
  const std::string row_count = std::to_string(gathered_);
  if (state_.plan.columns.empty()) parameters.emplace_back(row_count);
  for (const sdk::ByteBuffer& array : arrays_) parameters.push_back(parameter_of(array));
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult result,
                          state_.session.connection().execute(sql_, parameters, types_));
  if (!state_.plan.key.empty()) {
    if (!counts_upserts(state_.plan) || result.rows.front()[0] == result.rows.front()[1]) return {};
    return state_.discarded(count_of(result.rows.front()[0]), count_of(result.rows.front()[1]));
  }
  return result.command.affected_rows == gathered_ ? Status()
                                                   : state_.discarded(gathered_, result.command.affected_rows);
}

Status InsertLoad::try_insert() {
  Status done = insert_gathered();
  if (done.ok() || !state_.session.is_open() || !may_be_of_a_value(done.error())) return done;
  RB_SDK_RETURN_NOT_OK(state_.session.exec("ROLLBACK TO " + std::string(kBeginTry)));
  const std::vector<ColumnPlan>& columns = state_.plan.columns;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!goes_as_text(columns[i])) continue;
    RB_SDK_ASSIGN_OR_RETURN(const bool refused, is_read_refused(columns[i], arrays_[i]));
    if (!refused) continue;
    postgres::refuse_value(done.error(), columns[i].name);
    break;
  }
  return done;
}

Result<bool> InsertLoad::is_read_refused(const ColumnPlan& column, const sdk::ByteBuffer& values) {
  const Parameter parameters[] = {parameter_of(values)};
  const Oid types[] = {array_type(column).array};
  const std::string sql = "SELECT pg_catalog.count(c::" + column.type.cast + ") FROM pg_catalog.unnest($1) AS u(c)";
  RB_SDK_ASSIGN_OR_RETURN(const auto refused, try_rows(state_.session, [&] {
                            Status read = state_.session.connection().execute(sql, parameters, types).status();
                            // Nothing else can be wrong with that statement.
                            if (!read.ok() && may_be_of_a_value(read.error())) {
                              postgres::refuse_value(read.error(), column.name);
                            }
                            return read;
                          }));
  return refused.has_value();
}

const ColumnPlan* InsertLoad::column_of_text(size_t row) {
  const std::vector<ColumnPlan>& columns = state_.plan.columns;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!goes_as_text(columns[i])) continue;
    sdk::ByteBuffer value;
    state_.encoder.encode_array(i, row, row + 1, array_type(columns[i]).element, value);
    const auto refused = is_read_refused(columns[i], value);
    if (!refused.ok()) break;
    if (*refused) return &columns[i];
  }
  return nullptr;
}

}  // namespace rapidbyte::dest_postgres
