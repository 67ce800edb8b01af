#include "connectors/shared/duckdb/engine.h"

#include <algorithm>
#include <duckdb.hpp>
#include <duckdb/common/arrow/arrow_converter.hpp>
#include <duckdb/common/arrow/arrow_format.hpp>
#include <duckdb/function/table/arrow.hpp>
#include <duckdb/main/query_result_stream.hpp>
#include <duckdb/parser/expression/constant_expression.hpp>
#include <duckdb/parser/expression/parameter_expression.hpp>
#include <duckdb/parser/expression/subquery_expression.hpp>
#include <duckdb/parser/parsed_expression_iterator.hpp>
#include <duckdb/parser/parser.hpp>
#include <duckdb/parser/query_node/select_node.hpp>
#include <duckdb/parser/statement/select_statement.hpp>
#include <duckdb/parser/tableref/subqueryref.hpp>
#include <duckdb/planner/planner.hpp>

#include "connectors/shared/duckdb/allocation.h"
#include "connectors/shared/duckdb/errors.h"
#include "connectors/shared/duckdb/file_writer.h"
#include "connectors/shared/duckdb/input_scan.h"
#include "connectors/shared/duckdb/own_query.h"
#include "connectors/shared/duckdb/plan.h"
#include "connectors/shared/duckdb/sql_text.h"
#include "connectors/shared/duckdb/types.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/arrow_c.h"
#include "rapidbyte/sdk/host.h"

extern "C" int32_t duckdb_register_static_extensions(void);

namespace rapidbyte::duck {

using duckdb::ErrorData;
using duckdb::Identifier;
using sdk::Field;
using sdk::Json;
using sdk::Result;
using sdk::Schema;
using sdk::Status;

namespace {

constexpr std::string_view kInputName = "input";

duckdb::Value value_of(const Json& json) {
  if (json.is_null()) return duckdb::Value();
  if (json.is_boolean()) return duckdb::Value::BOOLEAN(json.get<bool>());
  if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{INT64_MAX})
    return duckdb::Value::UBIGINT(json.get<uint64_t>());
  if (json.is_number_integer()) return duckdb::Value::BIGINT(json.get<int64_t>());
  if (json.is_number_float()) return duckdb::Value::DOUBLE(json.get<double>());
  if (json.is_string()) return duckdb::Value(json.get<std::string>());
  return duckdb::Value(json.dump());
}

class BoundQuery final : public Query {
 public:
  /// `is_own`: of the connector; no user knows its lines and columns.
  BoundQuery(duckdb::Connection& connection, std::string sql, duckdb::shared_ptr<InputScan> scan,
             const Json& parameters, bool is_own = false)
      : connection_(connection), sql_(std::move(sql)), is_own_(is_own), scan_(std::move(scan)) {
    for (const auto& [name, value] : parameters.items()) parameters_.emplace(Identifier(name), value_of(value));
  }

  [[nodiscard]] const Schema& columns() const override { return columns_; }
  [[nodiscard]] const std::optional<std::string>& needs_all_rows() const override { return needs_all_rows_; }

  Status bind() {
    auto statements = connection_.ExtractStatements(sql_);
    if (statements.size() != 1)
      return sdk::config_error(codes::kSqlInvalid,
                               "it must be one SELECT, and is " + std::to_string(statements.size()) + " statements");
    if (statements[0]->type != duckdb::StatementType::SELECT_STATEMENT)
      return sdk::config_error(codes::kSqlInvalid,
                               "it must be a SELECT: a transform can neither change anything nor reach anything else");
    RB_SDK_RETURN_NOT_OK(place_parameters(*statements[0]));
    auto prepared = connection_.Prepare(statements[0]->Copy());
    if (prepared->HasError()) return invalid(prepared->GetErrorObject(), shown_sql());
    if (!prepared->GetStatementProperties().IsReadOnly())
      return sdk::config_error(codes::kSqlInvalid, "it must only read: a transform changes nothing but its rows");
    RB_SDK_RETURN_NOT_OK(check_names(prepared->GetNames()));
    read_plan(statements[0]->Copy());
    prepared_ = cast_results(std::move(prepared), std::move(statements[0]));
    if (prepared_->HasError()) return invalid(prepared_->GetErrorObject(), shown_sql());
    return describe();
  }

  [[nodiscard]] size_t scans() const override { return scans_; }

  Status run(Input& input, size_t rows_at_a_time, const RowsSink& take) override {
    scan_->feed(&input);
    Status status = guarded([&] { return run_guarded(rows_at_a_time, take); },
                            [this](const ErrorData& error) { return failed(error, shown_sql()); });
    // What the input said is the cause; DuckDB only repeats it.
    if (!status.ok() && !scan_->failure().ok()) status = scan_->failure();
    scan_->feed(nullptr);
    return status;
  }

 private:
  Status run_guarded(size_t rows_at_a_time, const RowsSink& take) {
    duckdb::vector<duckdb::Value> no_values;
    auto result = prepared_->Submit(
        no_values, duckdb::QueryParameters(duckdb::make_shared_ptr<duckdb::ArrowFormat>(rows_at_a_time)));
    if (result->HasError()) return failed(result->GetErrorObject(), shown_sql());
    duckdb::QueryResultStream<duckdb::ArrowFormat> stream(std::move(result));
    while (const auto array = stream.Fetch()) {
      if (array->arrow_array.length > 0) RB_SDK_RETURN_NOT_OK(take(array->arrow_array));
    }
    if (stream.HasError()) return failed(stream.GetErrorObject(), shown_sql());
    return {};
  }

  // Replaces each `$name` with its value, as a constant: DuckDB would not know the type of a parameter that is alone in
  // its column before it runs.
  Status place_parameters(duckdb::SQLStatement& statement) {
    std::string missing;
    const std::function<void(duckdb::unique_ptr<duckdb::ParsedExpression>&)> place =
        [&](duckdb::unique_ptr<duckdb::ParsedExpression>& expression) {
          if (expression->GetExpressionClass() == duckdb::ExpressionClass::PARAMETER) {
            const Identifier name = expression->Cast<duckdb::ParameterExpression>().Identifier();
            const auto value = parameters_.find(name);
            if (value == parameters_.end()) {
              if (missing.empty()) missing = name.GetIdentifierName();
              return;
            }
            auto constant = duckdb::ConstantExpression::FromValue(value->second);
            constant->SetAlias(expression->GetAlias());
            expression = std::move(constant);
            return;
          }
          if (expression->GetExpressionClass() == duckdb::ExpressionClass::SUBQUERY) {
            auto& subquery = expression->Cast<duckdb::SubqueryExpression>();
            duckdb::ParsedExpressionIterator::EnumerateQueryNodeChildren(*subquery.SubqueryMutable()->node, place);
          }
          duckdb::ParsedExpressionIterator::EnumerateChildren(*expression, place);
        };
    duckdb::ParsedExpressionIterator::EnumerateQueryNodeChildren(*statement.Cast<duckdb::SelectStatement>().node,
                                                                 place);
    if (!missing.empty())
      return sdk::config_error(codes::kSqlInvalid, "`$" + missing + "` has no value under `parameters`");
    statement.named_param_map.clear();
    return {};
  }

  static Status check_names(const duckdb::vector<Identifier>& names) {
    for (size_t i = 0; i < names.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (names[i] == names[j])
          return sdk::config_error(
              codes::kSqlInvalid,
              "two columns of the result are named `" + names[j].GetIdentifierName() + "` and `" +
                  names[i].GetIdentifierName() +
                  "`, where the case of letters does not count; give one of them another name with AS");
      }
    }
    return {};
  }

  void read_plan(duckdb::unique_ptr<duckdb::SQLStatement> statement) {
    connection_.context->RunFunctionInTransaction([&] {
      duckdb::Planner planner(*connection_.context);
      planner.CreatePlan(std::move(statement));
      const PlanFacts facts = facts_of(*planner.plan, scan_.get());
      needs_all_rows_ = facts.needs_all_rows;
      scans_ = facts.scans;
      origins_ = facts.origins;
    });
  }

  // Columns of types that no batch can carry get a cast that loses nothing.
  duckdb::unique_ptr<duckdb::PreparedStatement> cast_results(duckdb::unique_ptr<duckdb::PreparedStatement> prepared,
                                                             duckdb::unique_ptr<duckdb::SQLStatement> statement) {
    duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>> columns;
    bool any = false;
    for (size_t i = 0; i < prepared->ColumnCount(); ++i) {
      const std::string& name = prepared->GetNames()[i].GetIdentifierName();
      const auto cast = cast_for_batches(prepared->GetTypes()[i], quoted_name(name));
      any = any || cast.has_value();
      if (cast && i < origins_.size()) origins_[i] = std::nullopt;
      duckdb::Parser parser(*connection_.context);
      auto parsed = parser.ParseSingleExpression(cast.value_or(quoted_name(name)));
      parsed->SetAlias(Identifier(name));
      columns.push_back(std::move(parsed));
    }
    if (!any) return prepared;
    auto outer = duckdb::make_uniq<duckdb::SelectNode>();
    outer->select_list = std::move(columns);
    outer->from_table = duckdb::make_uniq<duckdb::SubqueryRef>(
        duckdb::unique_ptr_cast<duckdb::SQLStatement, duckdb::SelectStatement>(std::move(statement)));
    auto wrapped = duckdb::make_uniq<duckdb::SelectStatement>();
    wrapped->node = std::move(outer);
    return connection_.Prepare(std::move(wrapped));
  }

  Status describe() {
    ArrowSchema arrow;
    auto properties = connection_.context->GetClientProperties();
    duckdb::vector<std::string> names;
    for (const Identifier& name : prepared_->GetNames()) names.push_back(name.GetIdentifierName());
    duckdb::ArrowConverter::ToArrowSchema(&arrow, prepared_->GetTypes(), names, properties);
    Result<Schema> schema = sdk::import_schema(arrow);
    if (arrow.release != nullptr) arrow.release(&arrow);
    RB_SDK_ASSIGN_OR_RETURN(columns_, std::move(schema));
    for (size_t i = 0; i < columns_.size(); ++i) {
      Field& field = columns_.fields[i];
      field.nullable = true;
      if (i >= origins_.size() || !origins_[i] || *origins_[i] >= scan_->schema().size()) continue;
      const Field& from = scan_->schema().fields[*origins_[i]];
      if (from.type != field.type) continue;
      field.native_type = from.native_type;
      field.native_fields = from.native_fields;
      if (!needs_all_rows_) field.nullable = from.nullable;
    }
    return {};
  }

  [[nodiscard]] std::string_view shown_sql() const { return is_own_ ? std::string_view() : std::string_view(sql_); }

  duckdb::Connection& connection_;
  std::string sql_;
  bool is_own_;
  duckdb::shared_ptr<InputScan> scan_;
  duckdb::identifier_map_t<duckdb::Value> parameters_;
  duckdb::unique_ptr<duckdb::PreparedStatement> prepared_;
  std::optional<std::string> needs_all_rows_;
  size_t scans_ = 0;
  std::vector<std::optional<size_t>> origins_;
  Schema columns_;
};

class DuckEngine final : public Engine {
 public:
  Status start(const EngineLimits& limits) {
    if (duckdb_register_static_extensions() != 0)
      return sdk::internal_error(codes::kSqlEngineFailed, "an extension of DuckDB's could not be registered");
    check_default_allocations();
    duckdb::DBConfig config;
    config.allocator = checked_allocator();
    config.SetOptionByName("threads", duckdb::Value::BIGINT(1));
    config.SetOptionByName("memory_limit", duckdb::Value(std::to_string(limits.memory_bytes) + "B"));
    config.SetOptionByName("temp_directory", duckdb::Value(limits.temporary_folder));
    if (!limits.temporary_folder.empty())
      config.SetOptionByName("max_temp_directory_size", duckdb::Value(std::to_string(limits.temporary_bytes) + "B"));
    config.SetOptionByName("autoinstall_known_extensions", duckdb::Value::BOOLEAN(false));
    config.SetOptionByName("autoload_known_extensions", duckdb::Value::BOOLEAN(false));
    database_ = std::make_unique<duckdb::DuckDB>(nullptr, &config);
    connection_ = std::make_unique<duckdb::Connection>(*database_);
    RB_SDK_RETURN_NOT_OK(execute("SET errors_as_json = true"));
    return execute("SET TimeZone = 'UTC'");
  }

  Status load_table(const std::string& name, const std::string& path, std::string_view format) override {
    if (Identifier(name) == std::string(kInputName)) {
      return sdk::config_error(codes::kLookupUnreadable,
                               "table `" + name + "`: that is the name of the stream itself; give it another");
    }
    tables_.push_back(name);
    const std::string function = "read_" + std::string(format) + "(" + quoted_text(path) + ")";
    return guarded(
        [&]() -> Status {
          const auto result = connection_->Query("CREATE TABLE " + quoted_name(name) + " AS FROM " + function);
          if (result->HasError()) return unreadable(name, path, result->GetErrorObject());
          return {};
        },
        [&](const ErrorData& error) { return unreadable(name, path, error); });
  }

  Result<std::unique_ptr<Query>> prepare(std::string_view sql, const Schema& input,
                                         const std::vector<std::string>& names, const Json& parameters) override {
    RB_SDK_RETURN_NOT_OK(check_input_columns(input));
    std::unique_ptr<BoundQuery> query;
    RB_SDK_RETURN_NOT_OK(guarded(
        [&]() -> Status {
          RB_SDK_RETURN_NOT_OK(seal());
          auto scan = duckdb::make_shared_ptr<InputScan>(input);
          auto relation = connection_->TableFunction("arrow_scan_dumb", {}, {}, scan);
          drop_views();
          relation->CreateView(Identifier(std::string(kInputName)), true, true);
          views_.emplace_back(kInputName);
          for (const std::string& name : names) {
            // A file of that name under `tables` is what the user has named.
            if (Identifier(name) == std::string(kInputName) || is_table(name)) continue;
            relation->CreateView(Identifier(name), true, true);
            views_.push_back(name);
          }
          query = std::make_unique<BoundQuery>(*connection_, std::string(sql), std::move(scan), parameters);
          return query->bind();
        },
        [sql](const ErrorData& error) { return invalid(error, sql); }));
    return std::unique_ptr<Query>(std::move(query));
  }

  Result<std::unique_ptr<Query>> prepare_own(std::string_view sql, const Json& parameters) override {
    std::unique_ptr<Query> query;
    RB_SDK_RETURN_NOT_OK(guarded(
        [&]() -> Status {
          RB_SDK_ASSIGN_OR_RETURN(query, bind_own_query(*connection_, std::string(sql), parameters, /*shown=*/false));
          return {};
        },
        [](const ErrorData& error) { return invalid(error, {}); }));
    return query;
  }

  Status check_expression(const std::string& sql) override {
    return guarded(
        [&]() -> Status {
          duckdb::Parser parser(*connection_->context);
          parser.ParseSingleExpression(sql);
          return {};
        },
        [&](const ErrorData& error) { return invalid(error, sql); });
  }

  Result<std::unique_ptr<FileWriter>> write_file(const std::string& path, const FileFormat& format, const Schema& rows,
                                                 const std::string& select, const std::string& where) override {
    return open_file(*connection_, path, format, rows, select, where);
  }

 private:
  static Status unreadable(const std::string& name, const std::string& path, const ErrorData& error) {
    return sdk::config_error(codes::kLookupUnreadable, "table `" + name + "`, file " + path + ": " + message_of(error));
  }

  Status execute(const std::string& sql) {
    return guarded(
        [&]() -> Status {
          const auto result = connection_->Query(sql);
          if (result->HasError()) return engine_failed(message_of(result->GetErrorObject()));
          return {};
        },
        [](const ErrorData& error) { return engine_failed(message_of(error)); });
  }

  [[nodiscard]] bool is_table(const std::string& name) const {
    return std::any_of(tables_.begin(), tables_.end(),
                       [&](const std::string& table) { return Identifier(table) == name; });
  }

  // The input of another stream must not be found under its name.
  void drop_views() {
    for (const std::string& view : views_) connection_->Query("DROP VIEW IF EXISTS temp.main." + quoted_name(view));
    views_.clear();
  }

  // From here on nothing outside the database can be reached, and no setting changes that.
  Status seal() {
    if (sealed_) return {};
    RB_SDK_RETURN_NOT_OK(execute("SET enable_external_access = false"));
    RB_SDK_RETURN_NOT_OK(execute("SET lock_configuration = true"));
    sealed_ = true;
    return {};
  }

  std::unique_ptr<duckdb::DuckDB> database_;
  std::unique_ptr<duckdb::Connection> connection_;
  std::vector<std::string> tables_;
  std::vector<std::string> views_;
  bool sealed_ = false;
};

}  // namespace

Result<std::unique_ptr<Query>> bind_own_query(duckdb::Connection& connection, const std::string& sql,
                                              const Json& parameters, bool shown) {
  auto query = std::make_unique<BoundQuery>(connection, sql, duckdb::make_shared_ptr<InputScan>(Schema()), parameters,
                                            /*is_own=*/!shown);
  RB_SDK_RETURN_NOT_OK(query->bind());
  return std::unique_ptr<Query>(std::move(query));
}

Result<std::unique_ptr<Engine>> Engine::open(const EngineLimits& limits) {
  auto engine = std::make_unique<DuckEngine>();
  RB_SDK_RETURN_NOT_OK(guarded([&] { return engine->start(limits); },
                               [](const ErrorData& error) { return engine_failed(message_of(error)); }));
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace rapidbyte::duck
