#include "postgres/connection.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "postgres/session.h"

namespace rapidbyte::postgres {

namespace {

using sdk::Result;
using sdk::Status;

constexpr uint32_t kCancelRequest = 80877102;  // fixed by the protocol: 1234 << 16 | 5678
constexpr size_t kMaxParameters = UINT16_MAX;
// Rows of one answer that are kept in memory; catalogs of 1,600 columns need a megabyte.
constexpr size_t kMaxResultBytes = 64U << 20U;
// Queued executions go out when they are this large.
constexpr size_t kSendBytes = 192 << 10;

Status result_too_large() {
  return sdk::internal_error("RESULT_TOO_LARGE", "an answer that was expected to be small has more than " +
                                                     std::to_string(kMaxResultBytes) + " bytes");
}

/// Takes the messages of an answer with rows.
class ResultReader {
 public:
  Result<bool> take(const Message& message) {
    switch (message.type) {
      case 'T': return take_columns(message.body);
      case 'D': return take_row(message.body);
      case 'C': return take_tag(message.body);
      case '1':  // ParseComplete
      case '2':  // BindComplete
      case 'n':  // NoData
      case 't':  // ParameterDescription
      case 'I':  // EmptyQueryResponse
        return true;
      case 'G':
      case 'H':
        return sdk::internal_error("COPY_IN_QUERY", "a COPY cannot run as a query: use copy_in() or copy_out()");
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
    return true;
  }

  size_t bytes_ = 0;
};

Status check_sql(std::string_view sql) {
  if (sql.find('\0') == std::string_view::npos) return {};
  return sdk::config_error("SQL_REFUSED", "a statement contains a zero byte, which PostgreSQL does not take");
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
    return sdk::internal_error("TOO_MANY_PARAMETERS", "PostgreSQL takes at most 65535 parameters in a statement");
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

Connection::Connection(std::unique_ptr<Session> session) : session_(std::move(session)) {}
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
  RB_SDK_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, open_session(options));
  return Connection(std::move(session));
}

/// Ok when a statement may begin.
Status Connection::begin_statement() {
  if (session_ == nullptr || session_->stream.is_broken()) {
    return sdk::transient_network_error("CONNECTION_LOST", "the connection to the server is closed");
  }
  if (session_->copying) {
    return sdk::internal_error("COPY_RUNNING", "a COPY runs on this connection: finish it first");
  }
  if (session_->queued != 0) return sdk::internal_error("NOT_SYNCED", "statements are queued: call sync() first");
  for (; session_->posted > 0; --session_->posted) {
    const Status answer = session_->read_answer("", [](const Message&) -> Result<bool> { return true; });
    if (answer.ok()) continue;
    close();
    return answer;
  }
  return {};
}

Status Connection::post(std::string_view sql) {
  RB_SDK_RETURN_NOT_OK(begin_statement());
  RB_SDK_RETURN_NOT_OK(check_sql(sql));
  RB_SDK_RETURN_NOT_OK(MessageWriter(session_->stream.out(), 'Q').zero_terminated(sql).end());
  RB_SDK_RETURN_NOT_OK(session_->stream.flush());
  ++session_->posted;
  return {};
}

Result<QueryResult> Connection::run(const std::function<Status(sdk::ByteBuffer& out)>& append) {
  RB_SDK_RETURN_NOT_OK(begin_statement());
  sdk::ByteBuffer& out = session_->stream.out();
  if (Status status = append(out); !status.ok()) {
    out.clear();
    return status;
  }
  ResultReader reader;
  RB_SDK_RETURN_NOT_OK(session_->read_answer("", [&](const Message& message) { return reader.take(message); }));
  return std::move(reader.result);
}

Result<QueryResult> Connection::query(std::string_view sql) {
  return run([&](sdk::ByteBuffer& out) -> Status {
    RB_SDK_RETURN_NOT_OK(check_sql(sql));
    return MessageWriter(out, 'Q').zero_terminated(sql).end();
  });
}

Result<CommandResult> Connection::exec(std::string_view sql) {
  RB_SDK_ASSIGN_OR_RETURN(QueryResult result, query(sql));
  return std::move(result.command);
}

Result<QueryResult> Connection::execute(std::string_view sql, std::span<const Parameter> parameters,
                                        std::span<const Oid> types) {
  return run([&](sdk::ByteBuffer& out) -> Status {
    RB_SDK_RETURN_NOT_OK(append_parse(out, "", sql, types));
    RB_SDK_RETURN_NOT_OK(append_bind(out, "", parameters));
    RB_SDK_RETURN_NOT_OK(append_describe_portal(out));
    RB_SDK_RETURN_NOT_OK(append_execute(out));
    return append_sync(out);
  });
}

Status Connection::prepare(std::string_view name, std::string_view sql, std::span<const Oid> types) {
  return run([&](sdk::ByteBuffer& out) -> Status {
           RB_SDK_RETURN_NOT_OK(append_parse(out, name, sql, types));
           return append_sync(out);
         })
      .status();
}

Result<QueryResult> Connection::execute_prepared(std::string_view name, std::span<const Parameter> parameters) {
  return run([&](sdk::ByteBuffer& out) -> Status {
    RB_SDK_RETURN_NOT_OK(append_bind(out, name, parameters));
    RB_SDK_RETURN_NOT_OK(append_describe_portal(out));
    RB_SDK_RETURN_NOT_OK(append_execute(out));
    return append_sync(out);
  });
}

Status Connection::queue_prepared(std::string_view name, std::span<const Parameter> parameters) {
  if (session_ == nullptr || session_->queued == 0) RB_SDK_RETURN_NOT_OK(begin_statement());
  MessageStream& stream = session_->stream;
  const size_t before = stream.out().size();
  if (Status status = append_bind(stream.out(), name, parameters); !status.ok()) {
    stream.out().truncate(before);
    return status;
  }
  RB_SDK_RETURN_NOT_OK(append_execute(stream.out()));
  ++session_->queued;
  return stream.out().size() < kSendBytes ? Status() : stream.flush();
}

Result<uint64_t> Connection::sync() {
  if (session_ == nullptr) return begin_statement();
  if (std::exchange(session_->queued, 0) == 0) return uint64_t{0};
  if (session_->stream.is_broken()) return begin_statement();
  RB_SDK_RETURN_NOT_OK(append_sync(session_->stream.out()));
  uint64_t rows = 0;
  RB_SDK_RETURN_NOT_OK(session_->read_answer("", [&](const Message& message) -> Result<bool> {
    if (message.type == '2' || message.type == 'D' || message.type == 'I') return true;
    if (message.type != 'C') return false;
    RB_SDK_ASSIGN_OR_RETURN(const CommandResult command, parse_command_complete(message.body));
    rows += command.affected_rows;
    return true;
  }));
  return rows;
}

/// Sends a COPY statement and takes the answer of what is before it and its own first one, `type` 'G' or 'H'.
Result<Connection::CopyFormat> Connection::begin_copy(std::string_view sql, char type) {
  RB_SDK_RETURN_NOT_OK(begin_statement());
  RB_SDK_RETURN_NOT_OK(check_sql(sql));
  RB_SDK_RETURN_NOT_OK(MessageWriter(session_->stream.out(), 'Q').zero_terminated(sql).end());
  RB_SDK_ASSIGN_OR_RETURN(Message message, session_->stream.next());
  while (message.type == 'C') {
    RB_SDK_ASSIGN_OR_RETURN(message, session_->stream.next());
  }
  if (message.type == 'E') return session_->fail_with(message.body, "");
  if (message.type != type) {
    session_->stream.break_off();
    return sdk::internal_error("NOT_A_COPY", "the statement is not a COPY in the direction that was expected");
  }
  BodyReader body(message.body);
  const auto format = body.number<uint8_t>();
  const auto columns = body.number<uint16_t>();
  if (body.failed() || format > 1) return session_->unexpected(message, "COPY");
  session_->copying = true;
  return CopyFormat{format == 1, columns};
}

Result<CopyOut> Connection::copy_out(std::string_view sql) {
  RB_SDK_ASSIGN_OR_RETURN(const CopyFormat format, begin_copy(sql, 'H'));
  return CopyOut(*session_, format.is_binary, format.columns);
}

Result<CopyIn> Connection::copy_in(std::string_view sql) {
  RB_SDK_ASSIGN_OR_RETURN(const CopyFormat format, begin_copy(sql, 'G'));
  return CopyIn(*session_, format.is_binary, format.columns);
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
  // The server closes when it has passed the request on. If the network fails instead, nobody knows.
  return socket.read().status();
}

void Connection::set_read_timeout_ms(uint32_t timeout_ms) {
  if (session_ != nullptr) session_->stream.socket().set_timeout_ms(timeout_ms);
}

void Connection::close() {
  if (session_ == nullptr) return;
  MessageStream& stream = session_->stream;
  if (!stream.is_broken() && stream.out().empty()) {
    // Goodbye lets the server end the session without a line in its log. If it does not fit, closing does as well.
    const uint8_t terminate[] = {'X', 0, 0, 0, 4};
    stream.socket().set_deadline_ms(1000);
    (void)stream.socket().write(terminate, nullptr);
  }
  stream.break_off();
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
