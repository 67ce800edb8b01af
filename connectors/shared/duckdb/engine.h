#pragma once
// The DuckDB engine in a guest: SQL over Arrow batches. The only place that uses DuckDB's C++ interface, which is
// pinned and unstable; its exceptions end here, as Status with our codes. Single-threaded, like all of a guest. Guests
// that use it are compiled with exceptions (rb_guest(... EXCEPTIONS)).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

struct ArrowArray;

namespace rapidbyte::duck {

/// What the engine may use.
struct EngineLimits {
  /// Bytes that DuckDB may use; beyond them a query fails with SQL_OUT_OF_MEMORY, or spills if it may.
  uint64_t memory_bytes = 0;
  /// Folder for data that does not fit into memory; empty: queries do not spill.
  std::string temporary_folder = {};
  /// Bytes that it may hold.
  uint64_t temporary_bytes = 0;
};

/// Where a query's `input` comes from: the rows of one batch, or all rows of a stream.
class Input {
 public:
  virtual ~Input() = default;
  /// Another scan of the input begins, numbered from 0; a query may read it several times, also concurrently.
  virtual sdk::Status begin_scan(size_t scan) = 0;
  /// Fills `out` with the next rows of that scan, as a struct whose columns are those that the query was prepared with;
  /// false when there are no more. The engine releases `out`. An error ends the query with that error.
  virtual sdk::Result<bool> next(size_t scan, ArrowArray* out) = 0;
};

/// Receives a struct of Query::columns(), as sdk::encode_ipc() wants it: without offsets. Borrowed for the call.
using RowsSink = std::function<sdk::Status(const ArrowArray&)>;

/// One SELECT, checked and bound to the columns of its input. Lives no longer than its engine.
class Query {
 public:
  virtual ~Query() = default;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  /// The columns of the result, in types that batches can carry. A column that is passed through from the input keeps
  /// its nullability and native type.
  [[nodiscard]] virtual const sdk::Schema& columns() const = 0;
  /// Why the result needs all rows of the input at once ("it aggregates"); nullopt when each row of the result comes
  /// from one row of the input, so that the result over parts of the input is parts of the result.
  [[nodiscard]] virtual const std::optional<std::string>& needs_all_rows() const = 0;

  /// How often the query reads the input.
  [[nodiscard]] virtual size_t scans() const = 0;

  /// Runs over the rows of `input`, and passes `take` at most `rows_at_a_time` rows (at least 2,048) at a time.
  /// SQL_FAILED (data) when an expression fails on a row's values; SQL_OUT_OF_MEMORY (internal); SQL_ENGINE_FAILED
  /// (internal).
  virtual sdk::Status run(Input& input, size_t rows_at_a_time, const RowsSink& take) = 0;

 protected:
  Query() = default;
};

/// What a file that is written looks like.
struct FileFormat {
  /// A copy function of DuckDB's: "parquet" or "csv".
  std::string name;
  /// Its options, as text, number or boolean.
  sdk::Json options = sdk::Json::object();
  /// Rows are written when this many, or about this many bytes of them, have come together: the row groups of Parquet.
  uint64_t rows_per_group = 122'880;
  uint64_t bytes_per_group = 64ULL << 20U;
};

/// A file that is being written. Rows that have not come together to a group are in memory.
class FileWriter {
 public:
  virtual ~FileWriter() = default;
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  /// All of the rows or none; says how many there were. SQL_FAILED (data) for a value that a column's expression fails:
  /// the others may be tried again without it. FILE_WRITE_FAILED, DISK_FULL (internal): the file is of no use any more.
  virtual sdk::Result<uint64_t> write(Input& rows) = 0;
  /// Writes the rows that wait as a group, however few they are.
  virtual sdk::Status flush() = 0;
  /// Bytes in the file so far, and those of rows that wait, as they are in memory.
  [[nodiscard]] virtual uint64_t bytes() const = 0;
  [[nodiscard]] virtual uint64_t waiting_bytes() const = 0;
  [[nodiscard]] virtual uint64_t rows() const = 0;
  /// Writes what waits and the file's end, and closes it. Its bytes may still be the system's to write.
  virtual sdk::Status finish() = 0;

 protected:
  FileWriter() = default;
};

class Engine {
 public:
  /// Opens an empty database in memory. No file, network, extension or setting can be reached from a query.
  static sdk::Result<std::unique_ptr<Engine>> open(const EngineLimits& limits);
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Reads the file at `path` into a table of that name. Only before the first prepare(). LOOKUP_UNREADABLE (config).
  virtual sdk::Status load_table(const std::string& name, const std::string& path, std::string_view format) = 0;

  /// Checks `sql`, one SELECT over a table `input` of these columns, which is also named as each of `names`.
  /// `parameters`: an object with a value for each `$name` in it. SQL_INVALID (config) says where and what;
  /// COLUMN_UNSUPPORTED (schema) names a column that DuckDB cannot hold exactly.
  virtual sdk::Result<std::unique_ptr<Query>> prepare(std::string_view sql, const sdk::Schema& input,
                                                      const std::vector<std::string>& names,
                                                      const sdk::Json& parameters) = 0;

  /// A SELECT of the connector's own, which may read files; `$name` in it are `parameters`. Run it without an input.
  /// SQL_INVALID (config), SQL_FAILED (data) as for a file that cannot be read. Only before the first prepare().
  virtual sdk::Result<std::unique_ptr<Query>> prepare_own(std::string_view sql, const sdk::Json& parameters) = 0;

  /// SQL_INVALID (config) unless `sql` is one expression.
  virtual sdk::Status check_expression(const std::string& sql) = 0;

  /// Makes the file at `path`, which must not be there, of what `select` (a SELECT without its FROM and, behind it,
  /// `where`, which may be empty) makes of rows. Both are SQL of the connector's own, never text of a user. Only before
  /// the first prepare().
  virtual sdk::Result<std::unique_ptr<FileWriter>> write_file(const std::string& path, const FileFormat& format,
                                                              const sdk::Schema& rows, const std::string& select,
                                                              const std::string& where) = 0;

 protected:
  Engine() = default;
};

}  // namespace rapidbyte::duck
