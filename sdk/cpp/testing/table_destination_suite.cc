#include "rapidbyte/testing/table_destination_suite.h"

namespace rapidbyte::sdk::testing {

// An author's test program may include the suite without a table destination.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TableDestinationSuite);

void TableDestinationSuite::SetUp() {
  place_ = GetParam()();
  if (const std::string missing = place_->missing(); !missing.empty()) GTEST_SKIP() << missing;
}

std::unique_ptr<DestinationConnector> TableDestinationSuite::open() {
  auto destination = make_destination();
  const Status status = destination->open(to_text(place_->config()));
  EXPECT_TRUE(status.ok()) << status.to_string();
  return destination;
}

Schema TableDestinationSuite::two_columns() {
  return {{{"id", DataType::of(TypeId::kInt64)}, {"name", DataType::of(TypeId::kUtf8)}}};
}

Json TableDestinationSuite::context(const std::string& name, const Json& write_mode) {
  Json ctx = make_context(name, two_columns());
  ctx["write_mode"] = write_mode;
  ctx["load_id"] = "load-" + name;
  return ctx;
}

Json TableDestinationSuite::upsert() { return {{"upsert", {{"primary_key", {"id"}}}}}; }

std::vector<uint8_t> TableDestinationSuite::rows(int64_t from, int64_t to, const std::string& prefix) {
  std::vector<Json> out;
  for (int64_t id = from; id < to; ++id) out.push_back(Json::array({id, prefix + std::to_string(id)}));
  return make_batch(two_columns(), out);
}

void TableDestinationSuite::push(FakeHost& host, const Json& context, const Batches& batches) {
  host.load_id = context["load_id"].get<std::string>();
  int64_t next = 0;
  for (const auto& batch : batches) {
    host.push_batch(batch);
    host.push_marker({{"id", "c"}, {"kind", "source"}, {"stream", context["stream_name"]}, {"next", ++next}});
  }
  host.push_end_marker();
}

TableDestinationSuite::Outcome TableDestinationSuite::serve(DestinationConnector& destination, FakeHost& host,
                                                            const Json& context) {
  const std::string text = to_text(context);
  Outcome outcome;
  outcome.status = destination.begin_stream(text);
  if (outcome.status.ok()) {
    auto summary = destination.run_write(text);
    outcome.status = summary.status();
    if (summary.ok()) outcome.summary = *summary;
    const Status finished = destination.finish_stream(text, summary.ok());
    if (outcome.status.ok()) outcome.status = finished;
  }
  outcome.dlq = host.dlq();
  outcome.durable = host.durable_markers().size();
  return outcome;
}

TableDestinationSuite::Outcome TableDestinationSuite::load(const Json& context, const Batches& batches) {
  FakeHost host;
  push(host, context, batches);
  auto destination = open();
  Outcome outcome = serve(*destination, host, context);
  const Status closed = destination->close();
  EXPECT_TRUE(closed.ok()) << closed.to_string();
  return outcome;
}

Json TableDestinationSuite::last_committed(const Json& context) {
  FakeHost host;
  auto destination = open();
  const auto committed = destination->last_committed(to_text(context));
  EXPECT_TRUE(committed.ok()) << committed.status().to_string();
  EXPECT_TRUE(destination->close().ok());
  if (!committed.ok() || !committed->has_value()) return nullptr;
  const auto receipt = parse_json(**committed);
  if (!receipt.ok()) return nullptr;  // the answer for a table that does not exist
  return string_member(*receipt, "load_id") == string_member(context, "load_id") ? *receipt : Json();
}

TableDestinationSuite::Lines TableDestinationSuite::table(const std::string& name) {
  return place_->sql(
      "SELECT coalesce(CAST(\"id\" AS text), 'NULL') || '|' || coalesce(CAST(\"name\" AS text), 'NULL') FROM \"" +
      name + "\" ORDER BY \"id\", \"name\"");
}

TableDestinationSuite::Lines TableDestinationSuite::expected(int64_t from, int64_t to, const std::string& prefix) {
  Lines out;
  for (int64_t id = from; id < to; ++id) out.push_back(std::to_string(id) + "|" + prefix + std::to_string(id));
  return out;
}

TEST_P(TableDestinationSuite, AppendAddsRowsAndTheReceiptSpeaksOfThem) {
  const Json ctx = context("s");
  EXPECT_EQ(last_committed(ctx), Json());
  const Outcome first = load(ctx, {rows(0, 40), rows(40, 50)});
  ASSERT_EQ(first.code(), "ok") << first.status.to_string();
  EXPECT_EQ(first.summary.records_written, 50U);
  EXPECT_EQ(first.durable, 3U);  // two checkpoints and the end
  const Json receipt = last_committed(ctx);
  EXPECT_EQ(bool_member(receipt, "end"), true);
  Json second = context("s");
  second["load_id"] = "load-second";
  ASSERT_EQ(load(second, {rows(50, 60)}).code(), "ok");
  EXPECT_EQ(table("s"), expected(0, 60));
  EXPECT_NE(last_committed(second), Json());
}

TEST_P(TableDestinationSuite, ReplaceShowsTheNewRowsAtTheEndAndNotBefore) {
  ASSERT_EQ(load(context("s", "replace"), {rows(0, 30, "old ")}).code(), "ok");
  EXPECT_EQ(table("s"), expected(0, 30, "old "));
  Json ctx = context("s", "replace");
  ctx["load_id"] = "load-new";
  FakeHost host;
  push(host, ctx, {rows(0, 10, "new "), rows(10, 20, "new ")});
  const auto destination = open();
  ASSERT_TRUE(destination->begin_stream(to_text(ctx)).ok());
  const auto summary = destination->run_write(to_text(ctx));
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_written, 20U);
  ASSERT_TRUE(destination->finish_stream(to_text(ctx), true).ok());
  // A host that was killed before it recorded the end asks again: the second time changes nothing.
  ASSERT_TRUE(destination->finish_stream(to_text(ctx), true).ok());
  ASSERT_TRUE(destination->close().ok());
  EXPECT_EQ(table("s"), expected(0, 20, "new "));
}

TEST_P(TableDestinationSuite, AReplaceThatFailsLeavesTheOldTable) {
  ASSERT_EQ(load(context("s"), {rows(0, 30, "old ")}).code(), "ok");
  Json ctx = context("s", "replace");
  ctx["load_id"] = "load-new";
  FakeHost host;
  push(host, ctx, {rows(0, 10), rows(10, 20)});
  Error broken;
  broken.code = "BROKEN";
  host.fail_call("next-batch", 2, broken);
  const auto destination = open();
  EXPECT_NE(serve(*destination, host, ctx).code(), "ok");
  ASSERT_TRUE(destination->close().ok());
  EXPECT_EQ(table("s"), expected(0, 30, "old "));
}

TEST_P(TableDestinationSuite, UpsertUpdatesAddsAndTheLastRowOfAKeyWins) {
  const Json ctx = context("s", upsert());
  const auto batch = [](const std::vector<Json>& values) { return make_batch(two_columns(), values); };
  const Outcome first = load(ctx, {batch({Json::array({1, "a"}), Json::array({2, "b"}), Json::array({1, "c"})}),
                                   batch({Json::array({3, "d"}), Json::array({2, "e"})})});
  ASSERT_EQ(first.code(), "ok") << first.status.to_string();
  EXPECT_EQ(first.summary.records_written, 5U);
  EXPECT_EQ(table("s"), (Lines{"1|c", "2|e", "3|d"}));
  ASSERT_EQ(load(ctx, {batch({Json::array({3, nullptr}), Json::array({4, "f"})})}).code(), "ok");
  EXPECT_EQ(table("s"), (Lines{"1|c", "2|e", "3|NULL", "4|f"}));
}

TEST_P(TableDestinationSuite, UpsertNeedsAKeyThatIsUniqueThere) {
  place_->sql("CREATE TABLE s (id bigint, name text)");
  EXPECT_EQ(load(context("s", upsert()), {rows(0, 1)}).code(), "UPSERT_KEY_NOT_UNIQUE");
  EXPECT_EQ(load(context("t", {{"upsert", {{"primary_key", {"nope"}}}}}), {rows(0, 1)}).code(), "PRIMARY_KEY_MISSING");
  EXPECT_EQ(table("s"), Lines{});
}

TEST_P(TableDestinationSuite, AStreamWithoutRowsMakesItsTableAndTakesNothingFromOneThatIsThere) {
  for (const Json& mode : {Json("append"), Json("replace"), upsert()}) {
    SCOPED_TRACE(to_text(mode));
    const std::string name = mode.is_string() ? mode.get<std::string>() : "upsert";
    const Outcome outcome = load(context(name, mode), {});
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(outcome.summary.records_written, 0U);
    EXPECT_TRUE(place_->has_table(name));
    EXPECT_EQ(table(name), Lines{});
    Json again = context(name, mode);
    again["load_id"] = "load-rows";
    ASSERT_EQ(load(again, {rows(0, 3)}).code(), "ok");
    again["load_id"] = "load-nothing";
    ASSERT_EQ(load(again, {}).code(), "ok");
    EXPECT_EQ(table(name), mode == Json("replace") ? Lines{} : expected(0, 3));
  }
}

TEST_P(TableDestinationSuite, ALoadThatIsInterruptedAtAnyCallResumesExactlyAfterItsReceipt) {
  const Batches batches = {rows(0, 20), rows(20, 40), rows(40, 60), rows(60, 80)};
  Error broken;
  broken.code = "BROKEN";
  int number = 0;
  for (const char* function : {"next-batch", "checkpoint", "pending-checkpoint"}) {
    for (uint64_t nth = 1;; ++nth) {
      const std::string name = "s" + std::to_string(++number);
      SCOPED_TRACE(std::string(function) + ", call " + std::to_string(nth));
      ASSERT_LT(nth, 40U);
      const Json ctx = context(name);
      FakeHost host;
      push(host, ctx, batches);
      host.fail_call(function, nth, broken);
      // As in a kill: nobody finishes or closes.
      auto destination = open();
      Status status = destination->begin_stream(to_text(ctx));
      ASSERT_TRUE(status.ok()) << status.to_string();
      status = destination->run_write(to_text(ctx)).status();
      destination.reset();
      const bool done = host.calls(function) < nth;
      const Json receipt = last_committed(ctx);
      const bool ended = bool_member(receipt, "end") == true;
      const auto next = static_cast<size_t>(ended ? 4 : int_member(receipt, "next").value_or(0));
      // The rows in the table are those that the receipt describes, and at least those that the host knows of.
      const Lines there = place_->has_table(name) ? table(name) : Lines{};
      EXPECT_EQ(there, expected(0, static_cast<int64_t>(next) * 20));
      EXPECT_GE(next + (ended ? 1 : 0), host.durable_markers().size());
      FakeHost second;
      const Batches rest(batches.begin() + static_cast<ptrdiff_t>(next), batches.end());
      push(second, ctx, rest);
      const auto resumed = open();
      const Outcome outcome =
          ended ? Outcome{resumed->finish_stream(to_text(ctx), true), {}, {}, 0} : serve(*resumed, second, ctx);
      ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
      ASSERT_TRUE(resumed->close().ok());
      EXPECT_EQ(table(name), expected(0, 80));
      if (HasFailure()) return;
      if (done) break;
    }
  }
}

TEST_P(TableDestinationSuite, AFullAppendDoesNotRestartOverAnInterruptedLoad) {
  Error broken;
  broken.code = "BROKEN";
  broken.message = "the host is gone";
  const auto interrupt = [&](const std::string& load_id) {
    Json ctx = context("s");
    ctx["load_id"] = load_id;
    FakeHost host;
    push(host, ctx, {rows(0, 20), rows(20, 40)});
    host.fail_call("next-batch", 2, broken);
    auto destination = open();
    EXPECT_FALSE(serve(*destination, host, ctx).status.ok());
    (void)destination->close();
  };
  interrupt("load-1");
  ASSERT_EQ(table("s"), expected(0, 20));
  // The state has lost that load, or another installation begins.
  Json restarted = context("s");
  restarted["load_id"] = "load-2";
  const Outcome refused = load(restarted, {rows(0, 20), rows(20, 40)});
  EXPECT_EQ(refused.code(), "POSITION_MISSING");
  EXPECT_NE(refused.status.error().message.find("load-1"), std::string::npos);
  EXPECT_NE(refused.status.error().message.find("after 20 rows"), std::string::npos);
  EXPECT_EQ(table("s"), expected(0, 20));
  // The user has removed the rows, or accepts that they are there twice.
  place_->sql("DELETE FROM s");
  ASSERT_EQ(load(restarted, {rows(0, 20), rows(20, 40)}).code(), "ok");
  EXPECT_EQ(table("s"), expected(0, 40));
  place_->sql("DELETE FROM s");
  interrupt("load-3");
  restarted["load_id"] = "load-4";
  restarted["allow_doubled_rows"] = true;
  ASSERT_EQ(load(restarted, {rows(20, 40)}).code(), "ok");
  EXPECT_EQ(table("s"), expected(0, 40));
  // A completed load is added to, as each run adds.
  restarted["load_id"] = "load-5";
  restarted["allow_doubled_rows"] = false;
  EXPECT_EQ(load(restarted, {rows(40, 50)}).code(), "ok");
}

TEST_P(TableDestinationSuite, RefusedRowsFailTheStreamOrAreCountedAndTheOthersLand) {
  const auto batch =
      make_batch(two_columns(), {Json::array({1, "a"}), Json::array({2, nullptr}), Json::array({3, "c"})});
  for (const char* policy : {"fail", "skip", "dlq"}) {
    SCOPED_TRACE(policy);
    const std::string name = std::string("s_") + policy;
    place_->sql("CREATE TABLE " + name + " (id bigint, name text NOT NULL)");
    Json ctx = context(name);
    ctx["policies"]["on_data_error"] = policy;
    const Outcome outcome = load(ctx, {rows(10, 12), batch});
    if (std::string(policy) == "fail") {
      EXPECT_EQ(outcome.code(), "ROW_REFUSED");
      EXPECT_NE(outcome.status.error().message.find(name), std::string::npos);
      // Nothing of the refused batch; what was committed before it may stay.
      EXPECT_EQ(table(name), outcome.durable == 0 ? Lines{} : expected(10, 12));
      continue;
    }
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(outcome.summary.records_written, 4U);
    EXPECT_EQ(outcome.summary.records_failed, 1U);
    EXPECT_EQ(table(name), (Lines{"1|a", "3|c", "10|row 10", "11|row 11"}));
    ASSERT_EQ(outcome.dlq.size(), std::string(policy) == "dlq" ? 1U : 0U);
    for (const DlqRecord& record : outcome.dlq) {
      EXPECT_EQ(record.stream, name);
      EXPECT_EQ(record.record_json, R"({"id":2,"name":null})");
      EXPECT_FALSE(record.error_message.empty());
    }
  }
}

TEST_P(TableDestinationSuite, PoliciesDecideAboutColumnsThatComeGoAndChange) {
  const Schema wide{{{"id", DataType::of(TypeId::kInt64)},
                     {"name", DataType::of(TypeId::kUtf8)},
                     {"more", DataType::of(TypeId::kInt64)}}};
  const Schema narrow{{{"id", DataType::of(TypeId::kInt64)}}};
  const Schema other{{{"id", DataType::of(TypeId::kUtf8)}, {"name", DataType::of(TypeId::kUtf8)}}};
  const struct {
    const char* axis;
    const char* policy;
    const Schema& schema;
    Json row;
    const char* code;
    const char* stored;
  } cases[] = {{"new_column", "add", wide, Json::array({1, "a", 7}), "ok", "1|a"},
               {"new_column", "ignore", wide, Json::array({1, "a", 7}), "ok", "1|a"},
               {"new_column", "fail", wide, Json::array({1, "a", 7}), "NEW_COLUMN", ""},
               {"removed_column", "ignore", narrow, Json::array({1}), "ok", "1|NULL"},
               {"removed_column", "fail", narrow, Json::array({1}), "REMOVED_COLUMN", ""},
               {"type_change", "fail", other, Json::array({"x", "a"}), "TYPE_CHANGED", ""},
               {"type_change", "coerce", other, Json::array({"1", "a"}), "ok", "1|a"},
               {"type_change", "null", other, Json::array({"x", "a"}), "ok", "NULL|a"}};
  int number = 0;
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.axis) + ": " + c.policy);
    const std::string name = "s" + std::to_string(++number);
    place_->sql("CREATE TABLE " + name + " (id bigint, name text)");
    Json ctx = make_context(name, c.schema);
    ctx["policies"]["schema_evolution"][c.axis] = c.policy;
    const Outcome outcome = load(ctx, {make_batch(c.schema, {c.row})});
    EXPECT_EQ(outcome.code(), c.code) << outcome.status.to_string();
    EXPECT_EQ(table(name), *c.stored == '\0' ? Lines{} : Lines{c.stored});
  }
  EXPECT_EQ(place_->sql("SELECT CAST(more AS text) FROM s1"), Lines{"7"});
  EXPECT_EQ(load(context("s2"), {rows(1, 2)}).code(), "ok");
}

TEST_P(TableDestinationSuite, AColumnThatMayHoldNullsMeetsOneThatMayNotByThePolicy) {
  for (const char* policy : {"allow", "fail"}) {
    SCOPED_TRACE(policy);
    const std::string name = std::string("s_") + policy;
    place_->sql("CREATE TABLE " + name + " (id bigint, name text NOT NULL)");
    Json ctx = context(name);
    ctx["policies"]["schema_evolution"]["nullability_change"] = policy;
    const bool allowed = std::string(policy) == "allow";
    EXPECT_EQ(load(ctx, {rows(0, 2)}).code(), allowed ? "ok" : "NULLABILITY_CHANGED");
    EXPECT_EQ(table(name), allowed ? expected(0, 2) : Lines{});
  }
}

TEST_P(TableDestinationSuite, TwoStreamsOfOneTableAreRefusedBeforeAnythingIsWritten) {
  const auto [one, other] = place_->names_of_one_table();
  const Json question = {
      {"ask", "references"}, {"streams", {one, other}}, {"stream_name", ""}, {"pipeline", "test"}, {"run_id", "run-1"}};
  FakeHost host;
  const auto destination = open();
  const auto answer = destination->last_committed(to_text(question));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, "TARGET_CONFLICT");
  Json ctx = context(one);
  ctx["pipeline_streams"] = {one, other};
  const Status begun = destination->begin_stream(to_text(ctx));
  ASSERT_FALSE(begun.ok());
  EXPECT_EQ(begun.error().code, "TARGET_CONFLICT");
  EXPECT_TRUE(destination->close().ok());
}

TEST_P(TableDestinationSuite, OneInstanceServesManyStreamsAndNothingOfOneComesIntoTheNext) {
  place_->sql("CREATE TABLE strict (id bigint, name text NOT NULL)");
  FakeHost host;
  const auto destination = open();
  const auto run = [&](const Json& ctx, const Batches& batches, uint64_t fail_at = 0) {
    host.next_stream();
    push(host, ctx, batches);
    Error broken;
    broken.code = "BROKEN";
    if (fail_at != 0) host.fail_call("next-batch", fail_at, broken);
    return serve(*destination, host, ctx);
  };
  const auto null_name = make_batch(two_columns(), {Json::array({1, "a"}), Json::array({2, nullptr})});
  EXPECT_EQ(run(context("first"), {rows(0, 10), rows(10, 20)}).code(), "ok");
  EXPECT_EQ(run(context("strict"), {null_name}).code(), "ROW_REFUSED");
  EXPECT_EQ(run(context("second"), {rows(0, 5)}).summary.records_written, 5U);
  EXPECT_NE(run(context("broken"), {rows(0, 10), rows(10, 20)}, 2).code(), "ok");
  Json skipping = context("strict");
  skipping["load_id"] = "load-skipping";
  skipping["policies"]["on_data_error"] = "skip";
  const Outcome skipped = run(skipping, {null_name});
  EXPECT_EQ(skipped.code(), "ok") << skipped.status.to_string();
  EXPECT_EQ(skipped.summary.records_failed, 1U);
  EXPECT_EQ(run(context("third", "replace"), {rows(0, 7)}).code(), "ok");
  EXPECT_EQ(run(context("fourth", upsert()), {rows(0, 7), rows(3, 9)}).code(), "ok");
  EXPECT_TRUE(destination->close().ok());
  EXPECT_EQ(table("first"), expected(0, 20));
  EXPECT_EQ(table("strict"), Lines{"1|a"});
  EXPECT_EQ(table("second"), expected(0, 5));
  EXPECT_EQ(table("third"), expected(0, 7));
  EXPECT_EQ(table("fourth"), expected(0, 9));
  const Json receipt = last_committed(context("broken"));
  const auto committed = int_member(receipt, "next").value_or(0);
  EXPECT_EQ(place_->has_table("broken") ? table("broken") : Lines{}, expected(0, committed * 10));
}

}  // namespace rapidbyte::sdk::testing
