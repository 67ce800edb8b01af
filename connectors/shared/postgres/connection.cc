#include "postgres/connection.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "postgres/connection_state.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::postgres {

namespace {

using sdk::Result;
using sdk::Status;

constexpr uint32_t kCancelRequest = 80877102;  // fixed by the protocol: 1234 << 16 | 5678
constexpr size_t kMaxParameters = UINT16_MAX;
// The limit for rows of one answer that are kept in memory; catalogs of 1,600 columns need a megabyte.
constexpr size_t kMaxResultBytes = 64U << 20U;
// Statements that a connection keeps prepared; the server keeps each of them in memory.
constexpr size_t kMaxParsed = 64;
// For more rows use COPY; and a server that cannot get rid of its answers stops reading.
constexpr size_t kMaxQueued = 256;

Status result_too_large() {
  return sdk::internal_error(codes::kResultTooLarge, "an answer that was expected to be small has more than " +
                                                         std::to_string(kMaxResultBytes) + " bytes");
}

/// Processes the messages of an answer with rows.
class ResultReader {
 public:
  /// `on_end`: a statement has ended; its answer is in `result`. `on_parsed`: the server has processed a Parse message.
  explicit ResultReader(std::function<void()> on_end = {}, std::function<void()> on_parsed = {})
      : on_end_(std::move(on_end)), on_parsed_(std::move(on_parsed)) {}

  Result<bool> take(const Message& message) {
    switch (message.type) {
      case 'T': return take_columns(message.body);
      case 'D': return take_row(message.body);
      case 'C': return take_tag(message.body);
      case '1':  // ParseComplete
        if (on_parsed_) on_parsed_();
        return true;
      case 'I':  // EmptyQueryResponse
        if (on_end_) on_end_();
        return true;
      case '2':  // BindComplete
      case 'n':  // NoData
      case 't':  // ParameterDescription
        return true;
      case 'G':
      case 'H':
        return sdk::internal_error(codes::kCopyInQuery, "a COPY cannot run as a query: use copy_in() or copy_out()");
      default: return false;
    }
  }
  QueryResult result;

 private:
  Result<bool> take_columns(std::span<const uint8_t> bytes) {
    BodyReader body(bytes);
    result.columns.clear();
    result.rows.clear();
    const auto count = body.number<uint16_t>();
    for (uint16_t i = 0; i < count && !body.failed(); ++i) {
      ResultColumn column;
      column.name = body.zero_terminated();
      (void)body.bytes(6);  // table's OID and column's number
      column.type = body.number<Oid>();
      (void)body.bytes(2);  // size of the type
      column.type_modifier = body.number<int32_t>();
      (void)body.bytes(2);  // format
      result.columns.push_back(std::move(column));
    }
    if (body.failed()) return protocol_error("a RowDescription that is cut");
    return true;
  }

  Result<bool> take_row(std::span<const uint8_t> bytes) {
    BodyReader body(bytes);
    const auto count = body.number<uint16_t>();
    if (count != result.columns.size()) return protocol_error("a row with another number of values than columns");
    Row row;
    row.reserve(count);
    for (uint16_t i = 0; i < count && !body.failed(); ++i) {
      const auto length = body.number<int32_t>();
      if (length == -1) {
        row.emplace_back();
        continue;
      }
      if (length < 0) return protocol_error("a value of negative length");
      const auto value = body.bytes(static_cast<size_t>(length));
      row.emplace_back(std::string(reinterpret_cast<const char*>(value.data()), value.size()));
    }
    if (body.failed()) return protocol_error("a row that is cut");
    bytes_ += bytes.size() + sizeof(Row) + count * sizeof(Row::value_type);
    if (bytes_ > kMaxResultBytes) return result_too_large();
    result.rows.push_back(std::move(row));
    return true;
  }

  Result<bool> take_tag(std::span<const uint8_t> bytes) {
    RB_SDK_ASSIGN_OR_RETURN(result.command, parse_command_complete(bytes));
    if (on_end_) on_end_();
    return true;
  }

  std::function<void()> on_end_;
  std::function<void()> on_parsed_;
  size_t bytes_ = 0;
};

Status check_sql(std::string_view sql) {
  if (sql.find('\0') == std::string_view::npos) return {};
  return sdk::config_error(codes::kSqlRefused, "a statement contains a zero byte, which PostgreSQL does not take");
}

Status append_parse(sdk::ByteBuffer& out, std::string_view name, std::string_view sql, std::span<const Oid> types) {
  RB_SDK_RETURN_NOT_OK(check_sql(sql));
  MessageWriter parse(out, 'P');
  parse.zero_terminated(name).zero_terminated(sql).number(static_cast<uint16_t>(types.size()));
  for (const Oid type : types) parse.number(type);
  return parse.end();
}

/// Bind of the unnamed portal; all results as text.
Status append_bind(sdk::ByteBuffer& out, std::string_view name, std::span<const Parameter> parameters) {
  if (parameters.size() > kMaxParameters) {
    return sdk::internal_error(codes::kTooManyParameters, "PostgreSQL takes at most 65535 parameters in a statement");
  }
  const auto count = static_cast<uint16_t>(parameters.size());
  MessageWriter bind(out, 'B');
  bind.zero_terminated("").zero_terminated(name).number(count);
  for (const Parameter& parameter : parameters) bind.number(static_cast<uint16_t>(parameter.is_binary ? 1 : 0));
  bind.number(count);
  for (const Parameter& parameter : parameters) {
    if (!parameter.value) {
      bind.number(int32_t{-1});
      continue;
    }
    // Larger ones make end() fail, so the cast does not matter.
    bind.number(static_cast<uint32_t>(parameter.value->size())).text(*parameter.value);
  }
  bind.number(uint16_t{0});
  return bind.end();
}

Status append_execute(sdk::ByteBuffer& out) {
  return MessageWriter(out, 'E').zero_terminated("").number(uint32_t{0}).end();
}

Status append_describe_portal(sdk::ByteBuffer& out) {
  return MessageWriter(out, 'D').text("P").zero_terminated("").end();
}

Status append_sync(sdk::ByteBuffer& out) { return MessageWriter(out, 'S').end(); }

}  // namespace

Connection::Connection(std::unique_ptr<ConnectionState> session) : session_(std::move(session)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&& other) noexcept {
  if (this != &other) {
    close();
    session_ = std::move(other.session_);
  }
  return *this;
}
Connection::~Connection() { close(); }

Result<Connection> Connection::connect(const ConnectionOptions& options) {
  RB_SDK_ASSIGN_OR_RETURN(std::unique_ptr<ConnectionState> session, open_connection(options));
  return Connection(std::move(session));
}

Status Connection::check_usable() const {
  if (session_ == nullptr || session_->stream.is_broken()) {
    return sdk::transient_network_error(codes::kConnectionLost, "the connection to the server is closed");
  }
  if (session_->copying) {
    return sdk::internal_error(codes::kCopyRunning, "a COPY runs on this connection: finish it first");
  }
  return {};
}

Status Connection::read_posted() {
  for (; session_->posted > 0; --session_->posted) {
    const Status answer = session_->read_answer("", [](const Message&) -> Result<bool> { return true; });
    if (answer.ok()) continue;
    close();
    return answer;
  }
  return {};
}

Status Connection::begin_statement() {
  RB_SDK_RETURN_NOT_OK(check_usable());
  if (session_->queued != 0) RB_SDK_RETURN_NOT_OK(run_queued().status());
  return read_posted();
}

Status Connection::post(std::string_view sql) {
  RB_SDK_RETURN_NOT_OK(begin_statement());
  RB_SDK_RETURN_NOT_OK(check_sql(sql));
  RB_SDK_RETURN_NOT_OK(MessageWriter(session_->stream.out(), 'Q').zero_terminated(sql).end());
  RB_SDK_RETURN_NOT_OK(session_->stream.flush());
  ++session_->posted;
  return {};
}

Result<QueryResult> Connection::query(std::string_view sql) {
  RB_SDK_RETURN_NOT_OK(check_usable());
  RB_SDK_RETURN_NOT_OK(check_sql(sql));
  if (session_->queued != 0) RB_SDK_RETURN_NOT_OK(run_queued().status());
  RB_SDK_RETURN_NOT_OK(MessageWriter(session_->stream.out(), 'Q').zero_terminated(sql).end());
  if (session_->posted != 0) {
    RB_SDK_RETURN_NOT_OK(session_->stream.flush());
    RB_SDK_RETURN_NOT_OK(read_posted());
  }
  ResultReader reader;
  RB_SDK_RETURN_NOT_OK(session_->read_answer("", [&](const Message& message) { return reader.take(message); }));
  return std::move(reader.result);
}

Result<CommandResult> Connection::exec(std::string_view sql) {
  RB_SDK_ASSIGN_OR_RETURN(QueryResult result, query(sql));
  return std::move(result.command);
}

Status Connection::append_statement(std::string_view sql, std::span<const Parameter> parameters,
                                    std::span<const Oid> types, bool cached) {
  sdk::ByteBuffer& out = session_->stream.out();
  std::string name;
  bool parse = true;
  if (cached && session_->caching) {
    const auto known = session_->parsed.find(sql);
    if (known != session_->parsed.end()) {
      name = "rapidbyte_" + std::to_string(known->second);
      parse = false;
    } else if (session_->parsed.size() < kMaxParsed) {
      name = "rapidbyte_" + std::to_string(session_->last_parsed + 1);
    }
  }
  const size_t before = out.size();
  const auto append = [&]() -> Status {
    if (parse) RB_SDK_RETURN_NOT_OK(append_parse(out, name, sql, types));
    RB_SDK_RETURN_NOT_OK(append_bind(out, name, parameters));
    RB_SDK_RETURN_NOT_OK(append_describe_portal(out));
    return append_execute(out);
  };
  if (Status status = append(); !status.ok()) {
    out.truncate(before);
    return status;
  }
  if (parse) {
    // Removed again unless the server confirms that it has parsed it.
    if (!name.empty()) session_->parsed.emplace(sql, ++session_->last_parsed);
    session_->parsing.emplace_back(name.empty() ? std::string_view() : sql);
  }
  ++session_->queued;
  return {};
}

Result<size_t> Connection::queue(std::string_view sql, std::span<const Parameter> parameters, bool cached) {
  RB_SDK_RETURN_NOT_OK(check_usable());
  if (session_->queued >= kMaxQueued) {
    return sdk::internal_error(codes::kQueueFull, "more than " + std::to_string(kMaxQueued) + " statements are queued");
  }
  RB_SDK_RETURN_NOT_OK(append_statement(sql, parameters, {}, cached));
  return session_->queued - 1;
}

Status Connection::queue_flush() {
  RB_SDK_RETURN_NOT_OK(check_usable());
  return MessageWriter(session_->stream.out(), 'H').end();
}

Result<std::vector<QueryResult>> Connection::run_queued() {
  std::vector<QueryResult> answers;
  RB_SDK_RETURN_NOT_OK(run_queued(answers));
  return answers;
}

Status Connection::run_queued(std::vector<QueryResult>& answers) {
  RB_SDK_RETURN_NOT_OK(check_usable());
  answers.clear();
  if (session_->queued == 0) return {};
  RB_SDK_RETURN_NOT_OK(append_sync(session_->stream.out()));
  const size_t expected = std::exchange(session_->queued, 0);
  const std::vector<std::string> parsing = std::exchange(session_->parsing, {});
  if (session_->posted != 0) {
    RB_SDK_RETURN_NOT_OK(session_->stream.flush());
    RB_SDK_RETURN_NOT_OK(read_posted());
  }
  size_t parsed = 0;
  ResultReader reader([&] { answers.push_back(std::exchange(reader.result, {})); }, [&] { ++parsed; });
  Status status = session_->read_answer("", [&](const Message& message) -> Result<bool> {
    if (answers.size() == expected) return false;
    return reader.take(message);
  });
  if (status.ok() && answers.size() != expected) {
    session_->stream.abort();
    status = protocol_error("fewer answers than statements");
  }
  for (size_t i = parsed; i < parsing.size(); ++i) session_->parsed.erase(parsing[i]);
  if (status.ok()) return {};
  const auto server = server_error_of(status.error());
  // A statement no longer exists (somebody's function has run DEALLOCATE ALL), or one of its tables has different
  // columns.
  if (server && (server->sqlstate == "26000" || server->routine == "RevalidateCachedQuery")) {
    session_->parsed.clear();
    status.error().category = sdk::ErrorCategory::kTransientDb;
    status.error().retryable = true;
    status.error().safe_to_retry = true;
    if (server->sqlstate == "26000") {
      status.error().message +=
          ". Something ends what this session has prepared: a function of the table (in a default, a check, an index "
          "or "
          "a policy) that runs DEALLOCATE or DISCARD, or a pooler that does not keep a session together";
    }
  }
  return status;
}

void Connection::drop_queued() {
  if (session_ == nullptr || std::exchange(session_->queued, 0) == 0) return;
  session_->stream.out().clear();
  for (const std::string& sql : std::exchange(session_->parsing, {})) session_->parsed.erase(sql);
}

void Connection::set_caching(bool caching) {
  if (session_ == nullptr) return;
  session_->caching = caching;
  if (!caching) session_->parsed.clear();
}

size_t Connection::queued() const { return session_ == nullptr ? 0 : session_->queued; }

Result<QueryResult> Connection::execute(std::string_view sql, std::span<const Parameter> parameters,
                                        std::span<const Oid> types) {
  RB_SDK_RETURN_NOT_OK(check_usable());
  RB_SDK_RETURN_NOT_OK(append_statement(sql, parameters, types, false));
  RB_SDK_ASSIGN_OR_RETURN(auto answers, run_queued());
  return std::move(answers.back());
}

Result<QueryResult> Connection::execute_cached(std::string_view sql, std::span<const Parameter> parameters) {
  RB_SDK_RETURN_NOT_OK(check_usable());
  RB_SDK_RETURN_NOT_OK(append_statement(sql, parameters, {}, true));
  RB_SDK_ASSIGN_OR_RETURN(auto answers, run_queued());
  return std::move(answers.back());
}

Result<CopyOut> Connection::copy_out(std::string_view sql) {
  RB_SDK_RETURN_NOT_OK(begin_statement());
  RB_SDK_RETURN_NOT_OK(check_sql(sql));
  RB_SDK_RETURN_NOT_OK(MessageWriter(session_->stream.out(), 'Q').zero_terminated(sql).end());
  RB_SDK_ASSIGN_OR_RETURN(Message message, session_->stream.next());
  // From a preceding statement.
  while (message.type == 'C') {
    RB_SDK_ASSIGN_OR_RETURN(message, session_->stream.next());
  }
  if (message.type == 'E') return session_->fail_with(message.body, "");
  if (message.type != 'H') {
    session_->stream.abort();
    return sdk::internal_error(codes::kNotACopy, "the statement is not a COPY in the direction that was expected");
  }
  BodyReader body(message.body);
  const auto format = body.number<uint8_t>();
  const auto columns = body.number<uint16_t>();
  if (body.failed() || format > 1) return session_->unexpected(message, "COPY");
  session_->copying = true;
  return CopyOut(*session_, format == 1, columns);
}

Result<CopyIn> Connection::copy_in(std::string_view sql) {
  RB_SDK_RETURN_NOT_OK(begin_statement());
  RB_SDK_RETURN_NOT_OK(check_sql(sql));
  RB_SDK_RETURN_NOT_OK(MessageWriter(session_->stream.out(), 'Q').zero_terminated(sql).end());
  RB_SDK_RETURN_NOT_OK(session_->stream.flush());
  session_->copying = true;
  return CopyIn(*session_);
}

Status Connection::cancel() {
  if (session_ == nullptr || session_->cancel_key.empty()) return {};
  RB_SDK_ASSIGN_OR_RETURN(ServerSocket socket, open_cancel_socket(session_->options, session_->encrypted));
  sdk::ByteBuffer request;
  RB_SDK_RETURN_NOT_OK(MessageWriter(request, '\0')
                           .number(kCancelRequest)
                           .number(session_->backend_pid)
                           .text(session_->cancel_key)
                           .end());
  RB_SDK_RETURN_NOT_OK(socket.write(request.span(), nullptr));
  // The server closes the connection when it has passed the request on. If the network fails instead, nobody knows.
  return socket.read().status();
}

void Connection::set_read_timeout_ms(uint32_t timeout_ms) {
  if (session_ != nullptr) session_->stream.socket().set_timeout_ms(timeout_ms);
}

void Connection::close() {
  if (session_ == nullptr) return;
  MessageStream& stream = session_->stream;
  if (!stream.is_broken() && stream.out().empty()) {
    // The farewell lets the server end the session without a line in its log. If it does not fit, closing works as
    // well.
    const uint8_t terminate[] = {'X', 0, 0, 0, 4};
    stream.socket().set_deadline_ms(1000);
    (void)stream.socket().write(terminate, nullptr);
  }
  stream.abort();
  session_.reset();
}

TransactionStatus Connection::transaction_status() const {
  return session_ == nullptr ? TransactionStatus::kIdle : session_->transaction;
}

uint32_t Connection::server_version() const {
  // "15.4 (Debian 15.4-1)", "9.6.24", "17devel": as libpq's PQserverVersion.
  const std::string_view text = parameter("server_version");
  uint32_t parts[3] = {0, 0, 0};
  const char* at = text.data();
  const char* end = at + text.size();
  for (uint32_t& part : parts) {
    const auto parsed = std::from_chars(at, end, part);
    if (parsed.ec != std::errc()) break;
    at = parsed.ptr;
    if (at == end || *at != '.') break;
    ++at;
  }
  if (std::ranges::any_of(parts, [](uint32_t part) { return part > 9999; })) return 0;
  return parts[0] >= 10 ? parts[0] * 10000 + parts[1] : parts[0] * 10000 + parts[1] * 100 + parts[2];
}

std::string_view Connection::parameter(std::string_view name) const {
  if (session_ == nullptr) return {};
  const auto found = session_->stream.parameters().find(name);
  return found == session_->stream.parameters().end() ? std::string_view() : std::string_view(found->second);
}

uint32_t Connection::backend_pid() const { return session_ == nullptr ? 0 : session_->backend_pid; }

bool Connection::is_encrypted() const { return session_ != nullptr && session_->encrypted; }

bool Connection::is_broken() const { return session_ == nullptr || session_->stream.is_broken(); }

}  // namespace rapidbyte::postgres
