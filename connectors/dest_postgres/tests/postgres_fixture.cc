#include "tests/postgres_fixture.h"

#include <algorithm>

namespace rapidbyte::dest_postgres {
namespace {

Lines split(const std::string& text) {
  Lines lines;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

Lines sorted(Lines lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

void PostgresTest::SetUp() {
  RB_REQUIRE_POSTGRES();
  static int number = 0;
  schema_ = "test_" + std::to_string(++number);
  PostgresServer::shared().sql("CREATE SCHEMA " + schema_);
}

void PostgresTest::TearDown() {
  if (!schema_.empty())
    PostgresServer::shared().sql("SET client_min_messages = error; DROP SCHEMA " + schema_ + " CASCADE");
}

Json PostgresTest::config(const Json& more) const {
  Json whole = PostgresServer::shared().config();
  whole["schema"] = schema_;
  whole.update(more);
  return whole;
}

std::unique_ptr<sdk::DestinationConnector> PostgresTest::open(const Json& more) {
  auto destination = sdk::make_destination();
  const Status status = destination->open(sdk::to_text(config(more)));
  EXPECT_TRUE(status.ok()) << status.to_string();
  return destination;
}

Json PostgresTest::context(const std::string& stream, const Schema& schema, const Json& write_mode) {
  Json ctx = sdk::testing::make_context(stream, schema);
  ctx["write_mode"] = write_mode;
  return ctx;
}

void PostgresTest::push(FakeHost& host, const Json& context, const Batches& batches, Commits commits) {
  host.load_id = context["load_id"].get<std::string>();
  int64_t marker = 0;
  for (const auto& batch : batches) {
    host.push_batch(batch);
    if (commits == Commits::kAtTheEnd) continue;
    host.push_marker({{"id", "c" + std::to_string(++marker)}, {"kind", "source"}, {"stream", context["stream_name"]}});
  }
  host.push_end_marker();
}

PostgresTest::Outcome PostgresTest::load(const Json& context, const Batches& batches, const Json& more,
                                         Commits commits) {
  FakeHost host;
  push(host, context, batches, commits);
  auto destination = open(more);
  const std::string text = sdk::to_text(context);
  Outcome outcome;
  outcome.status = destination->begin_stream(text);
  if (outcome.status.ok()) {
    auto summary = destination->run_write(text);
    outcome.status = summary.status();
    if (summary.ok()) outcome.summary = *summary;
    const Status finished = destination->finish_stream(text, summary.ok());
    if (outcome.status.ok()) outcome.status = finished;
  }
  const auto committed = destination->last_committed(text);
  EXPECT_TRUE(committed.ok() || !outcome.status.ok() || committed.error().code == "RECEIPT_MISSING")
      << committed.status().to_string();
  if (committed.ok()) outcome.last_committed = committed->value_or("");
  const Status closed = destination->close();
  EXPECT_TRUE(closed.ok()) << closed.to_string();
  outcome.dlq = host.dlq();
  outcome.sends = host.calls("socket-write");
  for (const auto& line : host.logs()) outcome.logs.push_back(line.message);
  return outcome;
}

Lines PostgresTest::sql(const std::string& text) const {
  return split(
      PostgresServer::shared().sql("SET search_path = " + schema_ + ", public; SET TimeZone = 'UTC'; " + text));
}

Lines PostgresTest::table(const std::string& name, const std::string& order) const {
  return sql("SELECT whole_row::text FROM \"" + name + "\" AS whole_row ORDER BY " + order);
}

}  // namespace rapidbyte::dest_postgres
