#pragma once
// What of a run's grants must not be given although each path is there: a guest that may write a folder could change
// what others rely on, and could have laid links for later runs. Pure but for looking at the file system; any thread.

#include <span>
#include <string>
#include <vector>

#include "rapidbyte/runtime/sandbox/grants.h"

namespace rapidbyte::runtime {

/// One path that a connector asks for, followed to its end.
struct AskedPath {
  size_t request = 0;  // which of the plan's
  std::string pointer;  // as GrantProblem
  std::string asked_by;
  Destination where;
  bool read_write = false;
  /// Of a file: SQLite's files beside it, too.
  bool companions = false;

  [[nodiscard]] bool writes_folder() const { return read_write && where.is_folder(); }
  [[nodiscard]] GrantedFile file() const { return {where.file_name, read_write, companions}; }
};

/// Every conflict, in the order of `paths`.
[[nodiscard]] std::vector<GrantProblem> find_conflicts(const GrantPlan& plan, std::span<const AskedPath> paths);

}  // namespace rapidbyte::runtime
