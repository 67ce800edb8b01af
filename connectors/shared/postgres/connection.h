#pragma once
// Connection: a session with a PostgreSQL server (protocol 3.0, server 9.6 or newer). Connecting includes TLS, done by
// the host, and the login; then statements run one at a time, each waiting in the host until the server answers. Errors
// of the server are returned as SDK errors made by to_status(); an error leaves the connection usable unless
// is_broken(). Notices go to the host's log. Movable; one thread; closing (or the destructor) says goodbye to the
// server.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/connection_options.h"
#include "postgres/copy_in.h"
#include "postgres/copy_out.h"
#include "postgres/message_stream.h"
#include "postgres/server_error.h"
#include "postgres/types/oids.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::postgres {

struct ResultColumn {
  std::string name;
  Oid type = 0;
  int32_t type_modifier = -1;
};
/// Values in text format; nullopt is NULL.
using Row = std::vector<std::optional<std::string>>;
/// Rows of a query, all in memory: for catalogs and small answers.
struct QueryResult {
  std::vector<ResultColumn> columns;
  std::vector<Row> rows;
  CommandResult command;
};

/// A value for $1, $2, ...
struct Parameter {
  Parameter() = default;  // NULL
  Parameter(std::string_view text) : value(text) {}  // NOLINT: implicit by design
  Parameter(const char* text) : value(text) {}  // NOLINT
  Parameter(const std::string& text) : value(text) {}  // NOLINT
  static Parameter binary(std::string_view bytes) {
    Parameter out(bytes);
    out.is_binary = true;
    return out;
  }

  std::optional<std::string_view> value;  // borrowed
  bool is_binary = false;
};

enum class TransactionStatus : uint8_t { kIdle, kInTransaction, kFailed };

class Connection {
 public:
  /// Connects and logs in. Errors of the network and of the login name the server and say what to do: NETWORK_DENIED,
  /// DNS_RESOLUTION_FAILED, TCP_CONNECT_FAILED, CONNECT_TIMEOUT, TLS_FAILED, TLS_REFUSED, AUTH_METHOD_REFUSED,
  /// SCRAM_FAILED, and those of to_status().
  static sdk::Result<Connection> connect(const ConnectionOptions& options);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// Runs one or more statements without parameters (simple protocol; several are one transaction unless they say
  /// otherwise). The rows are those of the last statement that returned any. Not for COPY.
  sdk::Result<QueryResult> query(std::string_view sql);
  /// Sends statements whose answers are read only by the next call: for work whose result nobody waits for (the end of
  /// a transaction that only read). A failure is reported by the next call, and ends the connection: the caller would
  /// otherwise rely on something that has not happened. A query() or queued statements may have run by then; a COPY has
  /// not begun.
  sdk::Status post(std::string_view sql);
  /// As query(), for commands whose rows are not needed.
  sdk::Result<CommandResult> exec(std::string_view sql);
  /// One statement with parameters (extended protocol), after those that are queued and in the same round trip.
  /// `types`: OIDs of the parameters, empty or 0 to let the server infer them.
  sdk::Result<QueryResult> execute(std::string_view sql, std::span<const Parameter> parameters = {},
                                   std::span<const Oid> types = {});
  /// As execute(), for a text that this connection runs repeatedly: the server parses it once.
  sdk::Result<QueryResult> execute_cached(std::string_view sql, std::span<const Parameter> parameters = {});

  /// Adds a statement to the queue, which is sent with the next statement or by run_queued(), all in one round trip.
  /// Queued statements run in order; after one that fails nothing more of the queue runs, and its error is that of the
  /// call that sent the queue. Everything between two round trips is one transaction, unless one is open or opened in
  /// between. `cached`: as for execute_cached(). Returns the place of its answer among those of run_queued().
  sdk::Result<size_t> queue(std::string_view sql, std::span<const Parameter> parameters = {}, bool cached = false);
  /// Whether `cached` has any effect from now on; turning it off forgets what was cached. For sessions in which others'
  /// code may remove prepared statements.
  void set_caching(bool caching);
  /// Waits for everything queued; returns the answers in order.
  sdk::Result<std::vector<QueryResult>> run_queued();
  /// The same; on an error, `answers` has those that came before it.
  sdk::Status run_queued(std::vector<QueryResult>& answers);
  /// Queues a request to send the answers to the statements queued so far before continuing with the next ones.
  sdk::Status queue_flush();
  /// Discards the queue.
  void drop_queued();
  [[nodiscard]] size_t queued() const;

  /// Starts COPY ... TO STDOUT. NOT_A_COPY (internal) when the statement is something else.
  sdk::Result<CopyOut> copy_out(std::string_view sql);
  /// Sends COPY ... FROM STDIN, without waiting for the server's answer. Statements without rows may precede and follow
  /// it: their answers are part of CopyIn::finish(), and an error of any is the copy's.
  sdk::Result<CopyIn> copy_in(std::string_view sql);

  /// Asks the server, over a second connection, to cancel what this one is running. Ok when the request was delivered;
  /// the running statement fails with QUERY_CANCELED if it was still running.
  sdk::Status cancel();
  /// Changes ConnectionOptions::read_timeout_ms for the statements from now on.
  void set_read_timeout_ms(uint32_t timeout_ms);
  /// Says goodbye and closes without waiting.
  void close();

  [[nodiscard]] TransactionStatus transaction_status() const;
  /// 150004 for 15.4.
  [[nodiscard]] uint32_t server_version() const;
  /// A ParameterStatus value such as "TimeZone"; empty when the server reported none.
  [[nodiscard]] std::string_view parameter(std::string_view name) const;
  [[nodiscard]] uint32_t backend_pid() const;
  [[nodiscard]] bool is_encrypted() const;
  /// No further statement can succeed: the network failed, the server ended the session, or a copy was left unfinished.
  [[nodiscard]] bool is_broken() const;

 private:
  explicit Connection(std::unique_ptr<ConnectionState> session);
  sdk::Status check_usable() const;
  /// Ok when a statement may be sent whose answer comes next: everything before it is answered.
  sdk::Status begin_statement();
  /// Reads the answers to posted statements.
  sdk::Status read_posted();
  sdk::Status append_statement(std::string_view sql, std::span<const Parameter> parameters, std::span<const Oid> types,
                               bool cached);

  std::unique_ptr<ConnectionState> session_;  // CopyIn and CopyOut hold pointers into it, so a Connection can move
};

/// Statements, each followed by a semicolon, that make a backend whose client was killed or is unreachable end within
/// half a minute, and on Linux, from server 14 on, within two seconds even while it works. No server refuses them.
std::string end_of_orphans_sql(uint32_t server_version);

/// 'text' as an SQL literal that means the same whatever standard_conforming_strings says.
std::string quote_literal(std::string_view text);

}  // namespace rapidbyte::postgres
