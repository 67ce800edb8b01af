#include "rapidbyte/engine/load/state_notes.h"

#include <fmt/format.h>

namespace rapidbyte::engine {
namespace {

std::string shell_word(std::string_view text) {
  const bool plain = !text.empty() && text.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+@%:=,") ==
                                          std::string_view::npos;
  if (plain) return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string state_hint(std::string_view verb, const RunContext& run, std::string_view stream) {
  return fmt::format("rapidbyte state {} {} --stream {}", verb, shell_word(run.pipeline.file.string()),
                     shell_word(stream));
}

}  // namespace

std::string reset_hint(const RunContext& run, std::string_view stream) { return state_hint("reset", run, stream); }

std::string reset_hint(const RunContext& run, const std::vector<std::string>& streams) {
  std::string hint = fmt::format("rapidbyte state reset {}", shell_word(run.pipeline.file.string()));
  // More would make the message unreadable.
  constexpr size_t kNamed = 5;
  if (streams.size() > kNamed) return hint + " --stream NAME (once for each of them, or a pattern such as 'sales.*')";
  for (const std::string& stream : streams) hint += " --stream " + shell_word(stream);
  return hint;
}

std::string_view modes_without_doubling(const StreamPlan& plan) {
  return plan.config.sync_mode == pipeline::SyncMode::kFullRefresh ? "replace or upsert" : "upsert";
}

std::string restart_hint(const RunContext& run, const StreamPlan& plan) {
  const std::string reset = "start over with: " + reset_hint(run, plan.config.name);
  if (plan.write_mode != pipeline::WriteMode::kAppend) return reset;
  // A stream that starts over is read from its very beginning, not from where the load under way began.
  const std::string_view rows = plan.config.sync_mode == pipeline::SyncMode::kFullRefresh
                                    ? "what the interrupted load has written"
                                    : "everything that this pipeline has loaded";
  return fmt::format("remove from the table {}, or those rows will be there twice, and {}", rows, reset);
}

std::string accept_hint(const RunContext& run, std::string_view stream) { return state_hint("accept", run, stream); }

std::string doubling_hint(const RunContext& run) {
  return fmt::format("rapidbyte run {} --allow-doubled-rows", shell_word(run.pipeline.file.string()));
}

}  // namespace rapidbyte::engine
