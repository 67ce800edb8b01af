#include "rapidbyte/runtime/sandbox/grant_conflicts.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

bool same_folder(const Destination& a, const Destination& b) { return a.folder->identity() == b.folder->identity(); }

/// Whether someone who may write `writer` may also write (replace or create) the file or folder at `place`, or part of
/// the path to it.
bool can_change(const AskedPath& writer, const Destination& place) {
  if (!writer.read_write) return false;
  if (writer.where.is_folder()) {
    const PinnedFolder& folder = *writer.where.folder;
    return place.folder->is_within(folder) ||
           std::any_of(place.links.begin(), place.links.end(),
                       [&](const FollowedLink& link) { return link.folder->is_within(folder); });
  }
  if (place.is_folder()) return false;
  const bool same_file = place.exists && writer.where.exists && place.file_identity == writer.where.file_identity;
  return same_file || (same_folder(writer.where, place) && writer.file().covers(place.file_name));
}

/// Whether someone who may write `writer` could have made `link`.
bool can_lay(const AskedPath& writer, const FollowedLink& link) {
  if (!writer.read_write) return false;
  if (writer.where.is_folder()) return link.folder->is_within(*writer.where.folder);
  return writer.where.folder->identity() == link.folder->identity() && writer.file().covers(link.name);
}

class Conflicts {
 public:
  Conflicts(const GrantPlan& plan, std::span<const AskedPath> paths) : plan_(plan), paths_(paths) {}

  std::vector<GrantProblem> find() {
    for (const AskedPath& path : paths_) {
      if (auto why = through_a_link(path)) {
        refuse(path, std::move(*why));
      } else if (path.read_write) {
        if (auto whose = changes(path)) refuse(path, std::move(*whose));
      }
    }
    return std::move(problems_);
  }

 private:
  const std::string& name_of(const AskedPath& path) const { return plan_.requests[path.request].name; }

  void refuse(const AskedPath& path, std::string why) {
    problems_.push_back({plan_.requests[path.request].connector_id, path.pointer,
                         make_error(ErrorCategory::kPermission, std::string(kGrantRefused), std::move(why)).error(),
                         path.asked_by});
  }

  std::optional<std::string> through_a_link(const AskedPath& path) const {
    for (const FollowedLink& link : path.where.links) {
      for (const AskedPath& writer : paths_) {
        if (!can_lay(writer, link)) continue;
        return fmt::format(
            "the path leads through the symbolic link {}, which is where {} may write ({}), so an earlier run of it "
            "may have created the link; if you mean its target, write the path without the link: {}",
            link.path().string(), name_of(writer), writer.where.path().string(), path.where.path().string());
      }
    }
    return std::nullopt;
  }

  std::optional<std::string> changes(const AskedPath& path) {
    const std::string holds = path.where.is_folder() ? "holds" : "is";
    const auto why = [&](std::string_view whose, const fs::path& what) {
      return fmt::format("{} may write {}, which {} {} ({}); {}", name_of(path), path.where.path().string(), holds,
                         whose, what.string(),
                         path.where.is_folder() ? "name a folder that contains nothing else" : "name another file");
    };
    for (const AskedPath& other : paths_) {
      // Two that write the same path are refused once.
      const bool told = other.read_write && &other < &path && can_change(other, path.where);
      if (other.request != path.request && !told && can_change(path, other.where))
        return why(fmt::format("what {} is given", name_of(other)), other.where.path());
    }
    const std::vector<Place>& places = protected_places();
    const auto place =
        std::find_if(places.begin(), places.end(), [&](const Place& p) { return can_change(path, p.where); });
    if (place != places.end()) return why(place->what, place->path);
    return std::nullopt;
  }

  struct Place {
    std::string what;
    fs::path path;
    Destination where;
  };

  /// Followed only when something may be written at all.
  const std::vector<Place>& protected_places() {
    if (places_) return *places_;
    places_.emplace();
    for (const ProtectedPath& given : plan_.protected_paths) {
      auto where = walk_as_far_as_it_exists(given.path);
      // What the host cannot read needs no protection.
      if (where.ok()) places_->push_back({given.what, given.path, std::move(*where)});
    }
    return *places_;
  }

  const GrantPlan& plan_;
  std::span<const AskedPath> paths_;
  std::optional<std::vector<Place>> places_;
  std::vector<GrantProblem> problems_;
};

}  // namespace

std::vector<GrantProblem> find_conflicts(const GrantPlan& plan, std::span<const AskedPath> paths) {
  return Conflicts(plan, paths).find();
}

}  // namespace rapidbyte::runtime
