#include "connectors/shared/duckdb/database.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <duckdb.hpp>
#include <duckdb/catalog/catalog.hpp>
#include <duckdb/catalog/catalog_entry/table_catalog_entry.hpp>
#include <duckdb/catalog/catalog_entry/view_catalog_entry.hpp>
#include <duckdb/common/local_file_system.hpp>
#include <duckdb/common/virtual_file_system.hpp>
#include <duckdb/parser/constraints/not_null_constraint.hpp>
#include <duckdb/parser/constraints/unique_constraint.hpp>
#include <duckdb/parser/parsed_data/create_table_info.hpp>
#include <duckdb/parser/parser.hpp>

#include "connectors/shared/duckdb/allocation.h"
#include "connectors/shared/duckdb/errors.h"
#include "connectors/shared/duckdb/input_scan.h"
#include "connectors/shared/duckdb/own_query.h"
#include "connectors/shared/duckdb/sql_text.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"

extern "C" int32_t duckdb_register_static_extensions(void);

namespace rapidbyte::duck {

using duckdb::ErrorData;
using duckdb::ExceptionType;
using duckdb::Identifier;
using sdk::Json;
using sdk::Result;
using sdk::Schema;
using sdk::Status;

namespace {

// DuckDB refuses an empty file, which is what the host's lock leaves of a database that does not exist yet.
class GuestFiles final : public duckdb::LocalFileSystem {
 public:
  bool FileExists(const std::string& path, duckdb::optional_ptr<duckdb::FileOpener> /*opener*/) override {
    return Database::is_there(path);
  }
  // Of a new database DuckDB removes a log that would be of an older one. That of a draft is no name of the guest's.
  bool TryRemoveFile(const std::string& path, duckdb::optional_ptr<duckdb::FileOpener> opener) override {
    return duckdb::LocalFileSystem::FileExists(path, opener) && LocalFileSystem::TryRemoveFile(path, opener);
  }
};

void set_options(duckdb::DBConfig& config) {
  config.allocator = checked_allocator();
  config.file_system =
      duckdb::make_uniq<duckdb::VirtualFileSystem>(duckdb::unique_ptr<duckdb::FileSystem>(new GuestFiles()));
  config.SetOptionByName("threads", duckdb::Value::BIGINT(1));
  config.SetOptionByName("temp_directory", duckdb::Value(std::string()));
  config.SetOptionByName("autoinstall_known_extensions", duckdb::Value::BOOLEAN(false));
  config.SetOptionByName("autoload_known_extensions", duckdb::Value::BOOLEAN(false));
}

// Of a file in another format DuckDB looks for an extension that reads it.
Status check_magic(const std::string& path) {
  constexpr size_t kMagicAt = 8;
  constexpr std::string_view kMagic = "DUCK";
  if (!Database::is_there(path)) return {};
  std::array<char, kMagicAt + kMagic.size()> start{};
  FILE* file = std::fopen(path.c_str(), "rb");
  // DuckDB says why it cannot be opened.
  if (file == nullptr) return {};
  const size_t size = std::fread(start.data(), 1, start.size(), file);
  std::fclose(file);
  if (size == start.size() && std::string_view(start.data() + kMagicAt, kMagic.size()) == kMagic) return {};
  return sdk::config_error(codes::kNotADatabase, "database " + path +
                                                     ": it is not a DuckDB database file. Give another `path`, or move "
                                                     "the file away.");
}

bool mentions(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

Status disk_full(const std::string& what) {
  Status status = sdk::transient_db_error(
      codes::kDiskFull, what + "The disk (or quota) is full. Nothing uncommitted was kept; free space and run again.");
  status.error().retryable = false;
  return status;
}

// The system's own word for what went wrong is only in DuckDB's text.
Status io_error(const std::string& what, const std::string& said) {
  if (mentions(said, {"No space left", "Disk quota", "File too large"})) return disk_full(what);
  if (mentions(said, {"not a valid DuckDB database file"})) {
    return sdk::config_error(codes::kNotADatabase, what + "Give another `path`, or move the file away.");
  }
  if (mentions(said, {"Permission denied", "not permitted", "Read-only file system"})) {
    return sdk::permission_error(
        codes::kDatabaseReadOnly,
        what + "Make the file and its folder (for DuckDB's .wal file) accessible for this user.");
  }
  if (mentions(said, {"newer version", "storage version", "version number"})) {
    return sdk::config_error(codes::kDatabaseCannotOpen,
                             what +
                                 "The file's version is not one that this DuckDB reads. Export it with the DuckDB "
                                 "that wrote it, or update Rapidbyte.");
  }
  if (mentions(said, {"Could not read", "corrupt", "checksum", "Checksum"})) {
    return sdk::data_error(codes::kDatabaseCorrupt, what + "Restore the file from a backup.");
  }
  return sdk::transient_db_error(codes::kDatabaseIo,
                                 what + "The operating system refused a read or write; check the disk.");
}

Status database_error(const ErrorData& error, const std::string& path, bool opening) {
  const std::string said = message_of(error);
  const std::string what = "database " + path + ": " + said + ". ";
  switch (error.Type()) {
    case ExceptionType::IO: return io_error(what, said);
    case ExceptionType::PERMISSION: return sdk::permission_error(codes::kDatabaseReadOnly, what);
    case ExceptionType::DATA_CORRUPTION:
    case ExceptionType::SERIALIZATION:
      return sdk::data_error(codes::kDatabaseCorrupt, what + "Restore the file from a backup.");
    case ExceptionType::CONSTRAINT: return sdk::data_error(codes::kRowRefused, what);
    case ExceptionType::DEPENDENCY: return sdk::schema_error(codes::kSqlRefused, what);
    case ExceptionType::OUT_OF_MEMORY: return out_of_memory();
    case ExceptionType::PARSER:
    case ExceptionType::SYNTAX:
    case ExceptionType::BINDER:
      if (!opening) return sdk::config_error(codes::kSqlInvalid, said);
      break;
    case ExceptionType::CATALOG:
      if (opening && mentions(said, {"encrypted"})) {
        return sdk::config_error(codes::kNotADatabase,
                                 what + "Encrypted databases are not supported: copy it into one that is not.");
      }
      if (!opening) return sdk::config_error(codes::kSqlInvalid, said);
      break;
    default: break;
  }
  // What is wrong in a file shows in many ways when it is read for the first time.
  if (opening) return sdk::data_error(codes::kDatabaseCorrupt, what + "Restore the file from a backup.");
  return failed(error, {});
}

std::vector<TextRow> rows_of(duckdb::QueryResult& result) {
  std::vector<TextRow> rows;
  while (const auto chunk = result.Fetch()) {
    for (duckdb::idx_t row = 0; row < chunk->size(); ++row) {
      TextRow& out = rows.emplace_back();
      for (duckdb::idx_t column = 0; column < chunk->ColumnCount(); ++column) {
        const duckdb::Value value = chunk->GetValue(column, row);
        out.push_back(value.IsNull() ? std::nullopt : std::optional(value.ToString()));
      }
    }
  }
  return rows;
}

class BoundStatement final : public InputStatement {
 public:
  BoundStatement(duckdb::unique_ptr<duckdb::PreparedStatement> prepared, duckdb::shared_ptr<InputScan> scan,
                 const std::string& path)
      : prepared_(std::move(prepared)), scan_(std::move(scan)), path_(path) {}

  Result<std::vector<TextRow>> run(Input& rows) override {
    scan_->feed(&rows);
    std::vector<TextRow> out;
    Status status = guarded(
        [&]() -> Status {
          duckdb::vector<duckdb::Value> no_values;
          const auto result = prepared_->Execute(no_values);
          if (result->HasError()) return status_of(result->GetErrorObject());
          out = rows_of(*result);
          if (result->HasError()) return status_of(result->GetErrorObject());
          return {};
        },
        [this](const ErrorData& error) { return status_of(error); });
    // What the input said is the cause; DuckDB only repeats it.
    if (!status.ok() && !scan_->failure().ok()) status = scan_->failure();
    scan_->feed(nullptr);
    RB_SDK_RETURN_NOT_OK(std::move(status));
    return out;
  }

 private:
  [[nodiscard]] Status status_of(const ErrorData& error) const { return database_error(error, path_, false); }

  duckdb::unique_ptr<duckdb::PreparedStatement> prepared_;
  duckdb::shared_ptr<InputScan> scan_;
  const std::string& path_;
};

class ArrowView final : public InputView {
 public:
  ArrowView(duckdb::Connection& connection, const std::string& path, const Schema& rows)
      : connection_(connection), path_(path), scan_(duckdb::make_shared_ptr<InputScan>(rows)) {}

  Status create() {
    return guarded(
        [&]() -> Status {
          // A name of its own: a statement is bound again when another view has come, by this name.
          static uint64_t number = 0;
          view_ = "_rapidbyte_rows_" + std::to_string(++number);
          connection_.TableFunction("arrow_scan_dumb", {}, {}, scan_)->CreateView(Identifier(view_), true, true);
          name_ = "temp.main." + view_;
          return {};
        },
        [this](const ErrorData& error) { return database_error(error, path_, false); });
  }
  ~ArrowView() override {
    const Status dropped = guarded(
        [&]() -> Status {
          connection_.Query("DROP VIEW IF EXISTS " + name_);
          return {};
        },
        [this](const ErrorData& error) { return database_error(error, path_, false); });
    static_cast<void>(dropped);  // what is left is a view that nobody reads
  }

  [[nodiscard]] const std::string& name() const override { return name_; }
  Result<std::unique_ptr<InputStatement>> prepare(const std::string& sql) override {
    std::unique_ptr<InputStatement> statement;
    RB_SDK_RETURN_NOT_OK(guarded(
        [&]() -> Status {
          auto prepared = connection_.Prepare(sql);
          if (prepared->HasError()) return database_error(prepared->GetErrorObject(), path_, false);
          statement = std::make_unique<BoundStatement>(std::move(prepared), scan_, path_);
          return {};
        },
        [this](const ErrorData& error) { return database_error(error, path_, false); }));
    return statement;
  }

 private:
  duckdb::Connection& connection_;
  const std::string& path_;
  duckdb::shared_ptr<InputScan> scan_;
  std::string view_;
  std::string name_;
};

// DuckDB writes a new file in parts, and a process that is killed between two of them leaves one that nobody can open.
// So it is written elsewhere first, under the name of a log that DuckDB has for itself, and then put in place by a
// single write.
Status create_file(const std::string& path, const std::string& storage_version) {
  const std::string draft = path + ".wal.recovery";
  // A log beside no database is of one that was removed.
  for (const char* ending : {".wal", ".wal.checkpoint", ".wal.recovery"}) ::unlink((path + ending).c_str());
  {
    duckdb::DBConfig config;
    set_options(config);
    config.SetOptionByName("storage_compatibility_version", duckdb::Value(storage_version));
    const duckdb::DuckDB database(draft, &config);
  }
  const auto refused = [&](const std::string& what) {
    return io_error("database " + path + ": " + what + ": " + std::strerror(errno) + ". ", std::strerror(errno));
  };
  std::vector<char> bytes(1U << 20U);
  const int from = ::open(draft.c_str(), O_RDONLY);
  if (from < 0) return refused("cannot read the new database");
  const ssize_t size = ::read(from, bytes.data(), bytes.size());
  ::close(from);
  if (size <= 0 || size == static_cast<ssize_t>(bytes.size())) return refused("cannot read the new database");
  const int to = ::open(path.c_str(), O_WRONLY | O_CREAT, 0644);
  if (to < 0) return refused("cannot open it for writing");
  const bool written = ::write(to, bytes.data(), static_cast<size_t>(size)) == size && ::fsync(to) == 0;
  const Status failure = written ? Status() : refused("cannot write it");
  if (!written) ::ftruncate(to, 0);
  ::close(to);
  ::unlink(draft.c_str());
  return failure;
}

class DuckDatabase final : public Database {
 public:
  explicit DuckDatabase(std::string path) : path_(std::move(path)) {}
  ~DuckDatabase() override { release(); }

  Status start(const DatabaseOptions& options) {
    if (duckdb_register_static_extensions() != 0)
      return sdk::internal_error(codes::kSqlEngineFailed, "an extension of DuckDB's could not be registered");
    check_default_allocations();
    if (!options.read_only && !is_there(path_)) RB_SDK_RETURN_NOT_OK(create_file(path_, options.storage_version));
    duckdb::DBConfig config;
    set_options(config);
    if (options.read_only) config.SetOptionByName("access_mode", duckdb::Value("READ_ONLY"));
    database_ = std::make_unique<duckdb::DuckDB>(path_, &config);
    connection_ = std::make_unique<duckdb::Connection>(*database_);
    RB_SDK_RETURN_NOT_OK(execute("SET errors_as_json = true"));
    RB_SDK_RETURN_NOT_OK(execute("SET TimeZone = 'UTC'"));
    // Nothing that a view or a default in the file says reaches another file.
    RB_SDK_RETURN_NOT_OK(execute("SET enable_external_access = false"));
    RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> version,
                            query("SELECT database_name, tags['storage_version'] FROM duckdb_databases() WHERE "
                                  "database_name = current_database()",
                                  {}));
    if (version.empty()) return sdk::internal_error(codes::kSqlEngineFailed, "DuckDB does not know its own database");
    catalog_ = version[0][0].value_or("");
    older_ = version[0][1].value_or("").starts_with("v1");
    opened_ = identity_of(path_);
    return {};
  }

  using Database::query;
  [[nodiscard]] const std::string& path() const override { return path_; }
  [[nodiscard]] bool is_for_older_versions() const override { return older_; }

  Status set_memory(uint64_t bytes) override { return execute("SET memory_limit = '" + std::to_string(bytes) + "B'"); }

  Result<std::vector<TextRow>> query(const std::string& sql,
                                     const std::vector<std::optional<std::string>>& parameters) override {
    std::vector<TextRow> rows;
    RB_SDK_RETURN_NOT_OK(in_guard([&]() -> Status {
      duckdb::vector<duckdb::Value> values;
      for (const auto& parameter : parameters)
        values.push_back(parameter ? duckdb::Value(*parameter) : duckdb::Value());
      const auto prepared = connection_->Prepare(sql);
      if (prepared->HasError()) return status_of(prepared->GetErrorObject());
      const auto result = prepared->Execute(values);
      if (result->HasError()) return status_of(result->GetErrorObject());
      rows = rows_of(*result);
      if (result->HasError()) return status_of(result->GetErrorObject());
      return {};
    }));
    return rows;
  }

  Status check(const std::string& sql) override {
    return in_guard([&]() -> Status {
      const auto prepared = connection_->Prepare(sql);
      if (!prepared->HasError()) return {};
      return sdk::config_error(codes::kSqlInvalid, message_of(prepared->GetErrorObject()));
    });
  }

  [[nodiscard]] bool in_transaction() const override {
    return connection_ != nullptr && connection_->HasActiveTransaction();
  }

  Status commit() override {
    if (!in_transaction()) return {};
    RB_SDK_RETURN_NOT_OK(check_in_place());
    has_committed_ = true;
    return execute("COMMIT");
  }

  void rollback() override {
    if (!in_transaction()) return;
    const Status undone = execute("ROLLBACK");
    if (!undone.ok()) sdk::host::log_warn("rolling back: " + undone.error().message);
  }

  [[nodiscard]] Status check_in_place() const override {
    if (identity_of(path_) == opened_) return {};
    return sdk::data_error(codes::kDatabaseReplaced,
                           "database " + path_ +
                               " was removed, or replaced by another file, while it was loaded. What was written went "
                               "into the former file. Find out which program did it, bring the former file back or "
                               "load everything again, and let no program replace the file during a run.");
  }

  Result<std::unique_ptr<InputView>> view(const Schema& rows) override {
    auto view = std::make_unique<ArrowView>(*connection_, path_, rows);
    RB_SDK_RETURN_NOT_OK(view->create());
    return std::unique_ptr<InputView>(std::move(view));
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

  Result<std::unique_ptr<Query>> select(const std::string& sql, bool shown) override {
    std::unique_ptr<Query> query;
    RB_SDK_RETURN_NOT_OK(guarded(
        [&]() -> Status {
          RB_SDK_ASSIGN_OR_RETURN(query, bind_own_query(*connection_, sql, Json::object(), shown));
          return {};
        },
        [&](const ErrorData& error) { return invalid(error, shown ? std::string_view(sql) : std::string_view()); }));
    return query;
  }

  using Database::describe;
  Result<std::optional<TableDescription>> describe(const std::string& name, const std::string& schema) override {
    std::optional<TableDescription> found;
    RB_SDK_RETURN_NOT_OK(in_guard([&]() -> Status {
      connection_->context->RunFunctionInTransaction([&] { found = look_up(name, schema); });
      return {};
    }));
    return found;
  }

  Result<std::string> create_like(const std::string& table, const std::string& name) override {
    std::string sql;
    RB_SDK_RETURN_NOT_OK(in_guard([&]() -> Status {
      connection_->context->RunFunctionInTransaction([&] {
        const auto entry = entry_of(table, "main");
        if (!entry) return;
        auto info = entry->GetInfo();
        auto& create = info->Cast<duckdb::CreateTableInfo>();
        create.SetTableName(Identifier(name));
        sql = create.ToString();
      });
      return {};
    }));
    if (sql.empty()) return sdk::internal_error(codes::kSqlEngineFailed, "table " + table + " is not there");
    return sql;
  }

  Result<std::string> type_name(const std::string& sql) override {
    RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> rows, query("SELECT typeof(CAST(NULL AS " + sql + "))", {}));
    return rows[0][0].value_or("");
  }

  void close() override {
    if (connection_ == nullptr) return;
    rollback();
    const Status moved = has_committed_ ? execute("CHECKPOINT") : Status();
    if (!moved.ok()) {
      sdk::host::log_warn("what was committed stays in " + path_ +
                          ".wal, from which DuckDB takes it when it opens the "
                          "database: " +
                          moved.error().message);
    }
    release();
  }

 private:
  using FileIdentity = std::pair<uint64_t, uint64_t>;
  static std::optional<FileIdentity> identity_of(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return std::nullopt;
    return FileIdentity(info.st_dev, info.st_ino);
  }

  [[nodiscard]] Status status_of(const ErrorData& error) const { return database_error(error, path_, false); }
  Status in_guard(const std::function<Status()>& body) {
    return guarded(body, [this](const ErrorData& error) { return status_of(error); });
  }

  void release() {
    const Status released = in_guard([&]() -> Status {
      connection_.reset();
      database_.reset();
      return {};
    });
    if (!released.ok()) sdk::host::log_warn("closing " + path_ + ": " + released.error().message);
  }

  duckdb::optional_ptr<duckdb::CatalogEntry> entry_of(const std::string& name, const std::string& schema) {
    duckdb::ClientContext& context = *connection_->context;
    const duckdb::EntryLookupInfo lookup(
        duckdb::CatalogType::TABLE_ENTRY,
        duckdb::QualifiedName(Identifier(catalog_), Identifier(schema), Identifier(name)));
    return duckdb::Catalog::GetEntry(context, lookup, duckdb::OnEntryNotFound::RETURN_NULL);
  }

  std::optional<TableDescription> look_up(const std::string& name, const std::string& schema) {
    const auto entry = entry_of(name, schema);
    if (!entry) return std::nullopt;
    TableDescription found;
    found.name = entry->name.GetIdentifierName();
    if (entry->type != duckdb::CatalogType::TABLE_ENTRY) {
      found.is_view = true;
      return found;
    }
    const auto& table = entry->Cast<duckdb::TableCatalogEntry>();
    for (const auto& column : table.GetColumns().Logical()) {
      found.columns.push_back({.name = column.Name().GetIdentifierName(),
                               .type = column.Type().ToString(),
                               .has_default = !column.Generated() && column.HasDefaultValue(),
                               .generated = column.Generated()});
    }
    for (const auto& constraint : table.GetConstraints()) {
      switch (constraint->type) {
        case duckdb::ConstraintType::NOT_NULL:
          found.columns[constraint->Cast<duckdb::NotNullConstraint>().index.index].not_null = true;
          break;
        case duckdb::ConstraintType::UNIQUE: {
          const auto& unique = constraint->Cast<duckdb::UniqueConstraint>();
          std::vector<std::string> key;
          for (const auto index : unique.GetLogicalIndexes(table.GetColumns()))
            key.push_back(found.columns[index.index].name);
          if (unique.IsPrimaryKey()) {
            found.primary_key = std::move(key);
          } else {
            found.unique_keys.push_back(std::move(key));
          }
          break;
        }
        case duckdb::ConstraintType::CHECK: found.has_checks = true; break;
        case duckdb::ConstraintType::FOREIGN_KEY: found.has_foreign_keys = true; break;
        default: break;
      }
    }
    for (const std::string& key : found.primary_key) {
      for (auto& column : found.columns) column.not_null = column.not_null || column.name == key;
    }
    return found;
  }

  std::string path_;
  std::unique_ptr<duckdb::DuckDB> database_;
  std::unique_ptr<duckdb::Connection> connection_;
  std::optional<FileIdentity> opened_;
  std::string catalog_;  // the database's name in SQL
  bool older_ = false;
  bool has_committed_ = false;
};

}  // namespace

bool Database::is_there(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

Result<std::unique_ptr<Database>> Database::open(const DatabaseOptions& options) {
  RB_SDK_RETURN_NOT_OK(check_magic(options.path));
  auto database = std::make_unique<DuckDatabase>(options.path);
  RB_SDK_RETURN_NOT_OK(guarded([&] { return database->start(options); },
                               [&](const ErrorData& error) { return database_error(error, options.path, true); }));
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace rapidbyte::duck
