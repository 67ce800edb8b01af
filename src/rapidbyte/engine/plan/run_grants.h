#pragma once
// The folders and files granted to a pipeline's connectors, as runtime/sandbox/grants.h resolves them: who asks for
// them, and what no guest may be able to change. Used by the engine when a run begins, and by the commands that inspect
// a pipeline without running it.

#include <string>
#include <vector>

#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/runtime/sandbox/grants.h"

namespace rapidbyte::engine {

/// A connector of a pipeline, with what was loaded for it.
struct ConnectorInUse {
  std::string id;  // "source", "destination", "transform-0"
  std::string pointer;  // "/source", "/transforms/0"
  const pipeline::ConnectorUse* use = nullptr;
  const runtime::Connector* connector = nullptr;
};

/// The plan for these connectors of `pipeline`. It protects the pipeline file, the state, the rejected records, the
/// connectors and whatever the program itself relies on.
[[nodiscard]] runtime::GrantPlan grant_plan(const pipeline::PipelineConfig& pipeline,
                                            const std::vector<ConnectorInUse>& connectors);

/// The stage that a problem belongs to: the pipeline's config when a grant is refused, else the connector's own.
[[nodiscard]] Stage stage_of(const runtime::GrantProblem& problem);

}  // namespace rapidbyte::engine
