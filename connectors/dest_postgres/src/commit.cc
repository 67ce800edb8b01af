#include "src/commit.h"

#include <unistd.h>

#include <algorithm>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;

// A server that restarts takes a few seconds; anything longer than half a minute is left to the next attempt.
constexpr int kReconnects = 8;
constexpr useconds_t kFirstPauseUs = 100'000;
constexpr useconds_t kLongestPauseUs = 8'000'000;
// The old backend may still be working on the commit, for example waiting for a synchronous standby.
constexpr int kOutcomeChecks = 100;

Status reconnect(Session& session) {
  Status status;
  useconds_t pause = kFirstPauseUs;
  for (int attempt = 0; attempt < kReconnects; ++attempt) {
    session.close();
    status = session.open();
    if (status.ok() || !status.error().retryable || sdk::host::is_cancelled()) return status;
    usleep(pause);
    pause = std::min(pause * 2, kLongestPauseUs);
  }
  return status;
}

// Whether the transaction has committed, looked up by its number; waits while it is in progress. nullopt: the number
// was lost with the connection, or the server no longer knows it, or never did (another server behind the same name).
Result<std::optional<bool>> outcome_of(Session& session, const std::optional<std::string>& transaction) {
  if (!transaction) return std::optional<bool>();
  const Parameter number[] = {*transaction};
  for (int check = 0; check < kOutcomeChecks; ++check) {
    const auto status = session.connection().execute("SELECT pg_catalog.txid_status($1::bigint)", number);
    if (!status.ok()) {
      // "transaction ID ... is in the future": not the server that we talked to.
      if (postgres::sqlstate_of(status.error()).starts_with("22")) return std::optional<bool>();
      return status.status();
    }
    const auto& text = status->rows.front().front();
    if (text == "committed") return std::optional<bool>(true);
    if (text == "aborted") return std::optional<bool>(false);
    if (text != "in progress") return std::optional<bool>();
    RB_SDK_RETURN_NOT_OK(session.exec("SELECT pg_catalog.pg_sleep(0.1)"));
  }
  return std::optional<bool>();
}

Status unknown(const Status& lost, const std::string& why) {
  Status status = sdk::transient_network_error(
      codes::kCommitUnknown,
      "the connection was lost while committing (" + lost.error().message + "), and " + why +
          ". Whether the rows are in the table is answered by the receipt, which the next attempt "
          "reads: no row will be lost or doubled.");
  status.error().commit_state = sdk::CommitState::kAfterCommitUnknown;
  status.error().safe_to_retry = true;
  return status;
}

// The connection was lost during COMMIT.
Status resolve(Session& session, Receipts& receipts, const sdk::StreamContext& ctx, const Receipt& receipt,
               const std::optional<std::string>& transaction, const Status& lost) {
  const Status connected = reconnect(session);
  if (!connected.ok()) return unknown(lost, "the server cannot be reached: " + connected.error().message);
  const auto outcome = outcome_of(session, transaction);
  if (!outcome.ok()) return unknown(lost, outcome.error().message);
  // The receipt decides: it was written by the same transaction.
  const auto found = receipts.read(ctx);
  if (!found.ok()) return unknown(lost, found.error().message);
  const bool there = *found && **found == receipt;
  if (!there && outcome->value_or(true)) {
    return unknown(lost, "the server does not say yet what became of the transaction");
  }
  if (there && outcome->value_or(true)) {
    sdk::host::log_warn("stream \"" + ctx.stream_name + "\": the connection was lost while committing (" +
                        lost.error().message + "); the receipt says that the commit succeeded, so the load continues");
    return {};
  }
  Status status = sdk::transient_network_error(
      codes::kCommitLost, "the connection was lost while committing (" + lost.error().message +
                              "), and the server rolled the transaction back: nothing of it was kept");
  status.error().commit_state = sdk::CommitState::kBeforeCommit;
  status.error().safe_to_retry = true;
  return status;
}

}  // namespace

Status commit_with_receipt(Session& session, Receipts& receipts, const sdk::StreamContext& ctx, const Receipt& receipt,
                           const std::optional<Receipt>& last, const TableName& written_table) {
  // The receipt and the commit are sent together. The receipt's answer is requested immediately: it has the number by
  // which the commit is looked up if its own answer is lost.
  RB_SDK_ASSIGN_OR_RETURN(const size_t written, receipts.write(ctx, receipt, last, written_table));
  RB_SDK_RETURN_NOT_OK(session.connection().queue_flush());
  RB_SDK_RETURN_NOT_OK(session.queue("COMMIT"));
  std::vector<postgres::QueryResult> answers;
  Status committed;
  {
    const Session::Patience patience(session);
    committed = session.connection().run_queued(answers);
  }
  if (answers.size() > written && !answers[written].rows.empty() && answers[written].rows.front()[2] == "t") {
    session.expect_code();
  }
  if (committed.ok()) committed = session.check_committed(answers.back().command);
  if (committed.ok()) return {};
  if (answers.size() == written && is_receipt_changed(committed.error())) return receipt_changed(ctx);
  if (!session.is_open()) {
    const auto transaction = answers.size() > written ? first_value(answers[written]) : std::nullopt;
    return resolve(session, receipts, ctx, receipt, transaction, committed);
  }
  committed.error().commit_state = sdk::CommitState::kBeforeCommit;
  return std::move(committed).with_context("stream \"" + ctx.stream_name + "\": committing");
}

}  // namespace rapidbyte::dest_postgres
