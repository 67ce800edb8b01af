// A PostgreSQL server that says anything: login, statements, both directions of COPY. However what it says is cut into
// reads, the client takes it for the same.

#include <string>
#include <vector>

#include "fuzz_input.h"
#include "postgres/connection.h"
#include "rapidbyte/sdk/batch_builder.h"
#include "rapidbyte/testing/fake_host.h"

using namespace rapidbyte;

namespace {

using Bytes = std::span<const uint8_t>;

/// One read of the client asks for at least this much, but for the answer to its request for TLS.
constexpr size_t kMostBytesOfARead = 64 << 10;

void note(std::string& log, const sdk::Status& status) {
  if (status.ok()) {
    log += "ok;";
    return;
  }
  fuzz::check(sdk::is_valid_utf8(status.error().message), "an error is text");
  log += status.error().code + ": " + status.error().message + ";";
}

void note(std::string& log, const postgres::QueryResult& result) {
  for (const postgres::ResultColumn& column : result.columns)
    log += column.name + "=" + std::to_string(column.type) + ",";
  for (const postgres::Row& row : result.rows) {
    fuzz::check(row.size() == result.columns.size(), "a row has a value for each column");
    for (const auto& value : row) log += value ? "<" + *value + ">" : "NULL";
  }
  log += result.command.tag + " " + std::to_string(result.command.affected_rows) + ";";
}

void note(std::string& log, const postgres::CommandResult& result) {
  log += result.tag + " " + std::to_string(result.affected_rows) + ";";
}

template <typename T>
void note(std::string& log, const sdk::Result<T>& result) {
  if (result.ok()) {
    note(log, *result);
  } else {
    note(log, result.status());
  }
}

void copy_out(postgres::Connection& connection, std::string& log) {
  auto copy = connection.copy_out("COPY t TO STDOUT");
  note(log, copy.status());
  if (!copy.ok()) return;
  postgres::CopyChunk chunk;
  log += copy->is_binary() ? "binary " : "text ";
  log += std::to_string(copy->column_count()) + ":";
  // Where a message is cut into chunks is not told; where it ends is.
  while (copy->next(chunk)) {
    log.append(reinterpret_cast<const char*>(chunk.bytes.data()), chunk.bytes.size());
    if (chunk.rest == 0) log += '|';
  }
  note(log, copy->status());
  note(log, copy->result());
}

void copy_in(postgres::Connection& connection, bool fail, std::string& log) {
  auto copy = connection.copy_in("COPY t FROM STDIN");
  note(log, copy.status());
  if (!copy.ok()) return;
  copy->out().append("1\n", 2);
  note(log, copy->send());
  if (fail) {
    note(log, copy->fail("enough"));
  } else {
    note(log, copy->finish());
  }
}

/// What the client makes of a server that says `script`.
std::string talk(Bytes script, size_t step, bool blocking, const std::vector<uint8_t>& statements) {
  std::vector<std::vector<uint8_t>> pieces;
  for (size_t at = 0; at < script.size(); at += step) {
    const Bytes piece = script.subspan(at, std::min({step, script.size() - at, kMostBytesOfARead}));
    pieces.emplace_back(piece.begin(), piece.end());
    if (blocking) pieces.emplace_back();
  }
  sdk::testing::FakeHost host;
  host.script_sockets(std::move(pieces));
  postgres::ConnectionOptions options;
  options.host = "server";
  options.user = "ann";
  options.database = "shop";
  options.password = "canary-Pa55word";
  options.ssl_mode = postgres::SslMode::kDisable;
  options.weak_auth = postgres::WeakAuth::kMd5;
  std::string log;
  auto connection = postgres::Connection::connect(options);
  note(log, connection.status());
  if (!connection.ok()) return log;
  log += std::to_string(connection->server_version()) + " " + std::to_string(connection->backend_pid()) + " " +
         std::string(connection->parameter("TimeZone")) + ";";
  const postgres::Parameter parameters[] = {"1", postgres::Parameter()};
  for (const uint8_t statement : statements) {
    switch (statement % 8) {
      case 1: note(log, connection->post("ROLLBACK")); [[fallthrough]];
      case 0: note(log, connection->query("SELECT")); break;
      case 2: note(log, connection->execute("SELECT $1", parameters)); break;
      case 3: note(log, connection->execute_cached("SELECT $1", parameters)); break;
      case 4: {
        note(log, connection->queue("SELECT $1", parameters, true).status());
        note(log, connection->queue("SELECT", {}).status());
        const auto answers = connection->run_queued();
        note(log, answers.status());
        if (answers.ok()) {
          for (const postgres::QueryResult& answer : *answers) note(log, answer);
        }
        break;
      }
      case 5: copy_in(*connection, statement >= 128, log); break;
      default: copy_out(*connection, log); break;
    }
    log += static_cast<char>('a' + static_cast<int>(connection->transaction_status()));
    if (connection->is_broken()) log += " broken";
    log += '\n';
  }
  for (const sdk::testing::LogLine& line : host.logs()) log += line.message + "\n";
  return log;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint8_t choice = input.byte();
  std::vector<uint8_t> statements(choice % 4U + 1);
  for (uint8_t& statement : statements) statement = input.byte();
  const size_t step = size_t{input.byte()} + 1;
  std::vector<uint8_t> script;
  // AuthenticationOk and ReadyForQuery, without which no statement begins.
  if ((choice & 128U) == 0) {
    constexpr std::string_view kLetIn("R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I", 15);
    script.assign(kLetIn.begin(), kLetIn.end());
  }
  script.insert(script.end(), input.bytes().begin(), input.bytes().end());
  const std::string whole = talk(script, kMostBytesOfARead, false, statements);
  const std::string pieces = talk(script, step, (choice & 64U) != 0, statements);
  // Who sends rows looks now and then whether the server has something to say, so that time plays a part.
  if (std::ranges::none_of(statements, [](uint8_t statement) { return statement % 8 == 5; }))
    fuzz::check_equal(pieces, whole, "what a server says is the same in pieces");
  return 0;
}
