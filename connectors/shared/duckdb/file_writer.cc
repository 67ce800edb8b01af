#include "connectors/shared/duckdb/file_writer.h"

#include <cerrno>
#include <duckdb.hpp>
#include <duckdb/catalog/catalog.hpp>
#include <duckdb/catalog/catalog_entry/copy_function_catalog_entry.hpp>
#include <duckdb/common/types/column/column_data_collection.hpp>
#include <duckdb/function/copy_function.hpp>
#include <duckdb/main/query_result_stream.hpp>
#include <duckdb/parser/parsed_data/copy_info.hpp>
#include <utility>

#include "connectors/shared/duckdb/errors.h"
#include "connectors/shared/duckdb/input_scan.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::duck {

using duckdb::ErrorData;
using duckdb::Identifier;
using sdk::Json;
using sdk::Result;
using sdk::Schema;
using sdk::Status;

namespace {

duckdb::Value option_value(const Json& json) {
  if (json.is_boolean()) return duckdb::Value::BOOLEAN(json.get<bool>());
  if (json.is_number_integer()) return duckdb::Value::BIGINT(json.get<int64_t>());
  return duckdb::Value(json.get<std::string>());
}

class CopyWriter final : public FileWriter {
 public:
  CopyWriter(duckdb::Connection& connection, std::string path, const FileFormat& format, const Schema& rows)
      : connection_(connection),
        path_(std::move(path)),
        format_(format),
        scan_(duckdb::make_shared_ptr<InputScan>(rows)) {}

  Status open(const std::string& select, const std::string& where) {
    return in_guard([&]() -> Status {
      // Its own for as long as the file is open: a statement is bound again when another view has come, by this name.
      static uint64_t number = 0;
      view_ = "_rapidbyte_rows_" + std::to_string(++number);
      connection_.TableFunction("arrow_scan_dumb", {}, {}, scan_)->CreateView(Identifier(view_), true, true);
      rows_ = connection_.Prepare("SELECT " + select + " FROM temp.main." + view_ +
                                  (where.empty() ? "" : " WHERE " + where));
      if (rows_->HasError()) return engine_failed(message_of(rows_->GetErrorObject()));
      types_ = rows_->GetTypes();
      waiting_ = new_collection();
      connection_.context->RunFunctionInTransaction([&] { begin_file(); });
      return {};
    });
  }

  ~CopyWriter() override {
    const Status dropped = in_guard([&]() -> Status {
      rows_.reset();
      connection_.Query("DROP VIEW IF EXISTS temp.main." + view_);
      return {};
    });
    static_cast<void>(dropped);  // what is left is a view that nobody reads
  }

  Result<uint64_t> write(Input& rows) override {
    const uint64_t before = count_;
    scan_->feed(&rows);
    Status status = in_guard([&] { return take(); });
    if (!status.ok() && !scan_->failure().ok()) status = scan_->failure();
    scan_->feed(nullptr);
    RB_SDK_RETURN_NOT_OK(std::move(status));
    if (waiting_->Count() >= format_.rows_per_group || waiting_->SizeInBytes() >= format_.bytes_per_group)
      RB_SDK_RETURN_NOT_OK(flush());
    return count_ - before;
  }

  [[nodiscard]] uint64_t bytes() const override { return function_->file_size_bytes(*file_); }
  [[nodiscard]] uint64_t waiting_bytes() const override { return waiting_->SizeInBytes(); }
  [[nodiscard]] uint64_t rows() const override { return count_; }

  Status flush() override {
    return to_file([&]() -> Status {
      write_group();
      return {};
    });
  }

  Status finish() override {
    return to_file([&]() -> Status {
      write_group();
      function_->copy_to_finalize(*connection_.context, *bound_, *file_);
      file_.reset();
      return {};
    });
  }

 private:
  Status in_guard(const std::function<Status()>& body) {
    return guarded(body, [this](const ErrorData& error) { return status_of(error); });
  }

  // Rows that were taken are on their way: whatever fails now, they cannot be tried again.
  Status to_file(const std::function<Status()>& body) {
    Status status = in_guard(body);
    if (status.ok() || status.error().code != codes::kSqlFailed) return status;
    return sdk::internal_error(codes::kFileWriteFailed, path_ + ": " + status.error().message);
  }

  Status status_of(const ErrorData& error) const {
    if (error.Type() != duckdb::ExceptionType::IO) return failed(error, {});
    // Of the system's own word for it DuckDB keeps the text.
    const std::string text = message_of(error);
    if (text.find("No space left") != std::string::npos || text.find("Disk quota") != std::string::npos) {
      return sdk::internal_error(codes::kDiskFull, path_ + ": the disk is full. Make room, and run again.");
    }
    return sdk::internal_error(codes::kFileWriteFailed, text);
  }

  void begin_file() {
    duckdb::ClientContext& context = *connection_.context;
    auto& entry = duckdb::Catalog::GetSystemCatalog(context).GetEntry(
        context, duckdb::CatalogType::COPY_FUNCTION_ENTRY, Identifier(DEFAULT_SCHEMA), Identifier(format_.name));
    function_ = std::make_unique<duckdb::CopyFunction>(entry.Cast<duckdb::CopyFunctionCatalogEntry>().function);
    info_.format = format_.name;
    info_.file_path = path_;
    info_.is_from = false;
    for (const auto& [name, value] : format_.options.items()) info_.options[Identifier(name)] = {option_value(value)};
    duckdb::CopyFunctionBindInput input(info_, function_->function_info);
    bound_ = function_->copy_to_bind(context, input, rows_->GetNames(), types_);
    file_ = function_->copy_to_initialize_global(context, *bound_, path_);
  }

  Status take() {
    duckdb::vector<duckdb::Value> no_values;
    auto result = rows_->Submit(no_values, duckdb::QueryParameters(duckdb::ChunkFormat::InMemory()));
    if (result->HasError()) return status_of(result->GetErrorObject());
    duckdb::QueryResultStream<> stream(std::move(result));
    // Apart, until all of them are known to be sound.
    const auto taken = new_collection();
    while (const auto chunk = stream.Fetch()) taken->Append(*chunk);
    if (stream.HasError()) return status_of(stream.GetErrorObject());
    count_ += taken->Count();
    waiting_->Combine(*taken);
    if (waiting_->Count() >= format_.rows_per_group || waiting_->SizeInBytes() >= format_.bytes_per_group)
      write_group();
    return {};
  }

  void write_group() {
    if (waiting_->Count() == 0) return;
    auto rows = std::exchange(waiting_, new_collection());
    const auto group = function_->prepare_batch(*connection_.context, *bound_, *file_, std::move(rows));
    function_->flush_batch(*connection_.context, *bound_, *file_, *group);
  }

  duckdb::unique_ptr<duckdb::ColumnDataCollection> new_collection() {
    return duckdb::make_uniq<duckdb::ColumnDataCollection>(duckdb::Allocator::Get(*connection_.context), types_);
  }

  duckdb::Connection& connection_;
  std::string path_;
  std::string view_;
  FileFormat format_;
  duckdb::shared_ptr<InputScan> scan_;
  duckdb::unique_ptr<duckdb::PreparedStatement> rows_;
  duckdb::vector<duckdb::LogicalType> types_;
  duckdb::CopyInfo info_;
  std::unique_ptr<duckdb::CopyFunction> function_;
  duckdb::unique_ptr<duckdb::FunctionData> bound_;
  duckdb::unique_ptr<duckdb::GlobalFunctionData> file_;
  duckdb::unique_ptr<duckdb::ColumnDataCollection> waiting_;
  uint64_t count_ = 0;
};

}  // namespace

Result<std::unique_ptr<FileWriter>> open_file(duckdb::Connection& connection, const std::string& path,
                                              const FileFormat& format, const Schema& rows, const std::string& select,
                                              const std::string& where) {
  auto writer = std::make_unique<CopyWriter>(connection, path, format, rows);
  RB_SDK_RETURN_NOT_OK(writer->open(select, where));
  return std::unique_ptr<FileWriter>(std::move(writer));
}

}  // namespace rapidbyte::duck
