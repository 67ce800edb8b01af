#include "rapidbyte/engine/plan/run_grants.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "rapidbyte/state/open_state.h"

namespace rapidbyte::engine {
namespace {

namespace fs = std::filesystem;

class Protection {
 public:
  explicit Protection(fs::path beside) : beside_(std::move(beside)) {}

  void add(std::string what, const fs::path& path) {
    std::error_code error;
    fs::path absolute = fs::absolute(beside_ / path, error);
    if (!error && !path.empty()) paths.push_back({std::move(what), std::move(absolute)});
  }

  std::vector<runtime::ProtectedPath> paths;

 private:
  fs::path beside_;
};

}  // namespace

runtime::GrantPlan grant_plan(const pipeline::PipelineConfig& pipeline, const std::vector<ConnectorInUse>& connectors) {
  runtime::GrantPlan plan;
  plan.base_folder = pipeline.file.parent_path();
  Protection protection(plan.base_folder);
  protection.add("the pipeline file", pipeline.file.filename());
  for (const fs::path& file : state::state_files(pipeline.state)) protection.add("the state", file);
  protection.add("the rejected records",
                 !pipeline.dlq.path.empty()
                     ? pipeline.dlq.path
                     : state::folder_beside_state(pipeline.state).value_or(".rapidbyte") / "dlq");
  for (const ConnectorInUse& used : connectors) {
    const runtime::Connector& connector = *used.connector;
    plan.requests.push_back({used.id, connector.name(), used.pointer, connector.manifest(), used.use->config,
                             used.use->read_write_preopens});
    std::error_code error;
    const fs::path component = fs::absolute(connector.path(), error);
    protection.add("a connector", component);
    protection.add("a connector's manifest", fs::absolute(connector.manifest_path(), error));
  }
  plan.protected_paths = runtime::paths_of_the_program();
  plan.protected_paths.insert(plan.protected_paths.begin(), protection.paths.begin(), protection.paths.end());
  return plan;
}

Stage stage_of(const runtime::GrantProblem& problem) {
  if (problem.error.code == runtime::kGrantRefused) return Stage::kConfig;
  if (problem.connector_id == "source") return Stage::kSource;
  return problem.connector_id == "destination" ? Stage::kDestination : Stage::kTransform;
}

}  // namespace rapidbyte::engine
