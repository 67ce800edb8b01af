#pragma once
// Which of a run's grants must be refused although each path exists: a guest that may write a folder could change what
// others rely on, and could have created links for later runs. Reads the file system, otherwise pure; any thread.

#include <span>
#include <string>
#include <vector>

#include "rapidbyte/runtime/sandbox/grants.h"

namespace rapidbyte::runtime {

/// One path that a connector asks for, fully resolved.
struct AskedPath {
  size_t request = 0;  // which of the plan's
  std::string pointer;  // as GrantProblem
  std::string asked_by;
  Destination where;
  bool read_write = false;
  /// For a file.
  Companions companions = Companions::kNone;

  [[nodiscard]] bool writes_folder() const { return read_write && where.is_folder(); }
  [[nodiscard]] GrantedFile file() const { return {where.file_name, read_write, companions}; }
};

/// Every conflict, in the order of `paths`.
[[nodiscard]] std::vector<GrantProblem> find_conflicts(const GrantPlan& plan, std::span<const AskedPath> paths);

}  // namespace rapidbyte::runtime
