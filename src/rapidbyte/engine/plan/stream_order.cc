#include "rapidbyte/engine/plan/stream_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "rapidbyte/engine/plan/idle_destination.h"
#include "rapidbyte/protocol/catalog.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;

constexpr size_t kNone = std::numeric_limits<size_t>::max();

// Tarjan's algorithm with an explicit stack: a chain of streams may be longer than a thread's stack is deep. Gives each
// stream the number of its strongly connected component.
std::vector<size_t> connected_parts(const std::vector<std::vector<size_t>>& edges) {
  const size_t count = edges.size();
  std::vector<size_t> part(count, kNone);
  std::vector<size_t> index(count, kNone);
  std::vector<size_t> low(count, 0);
  std::vector<size_t> open;  // seen, and of no part yet
  struct Visit {
    size_t stream;
    size_t next_edge = 0;
  };
  std::vector<Visit> visits;
  size_t next_index = 0;
  size_t next_part = 0;
  const auto enter = [&](size_t stream) {
    index[stream] = low[stream] = next_index++;
    open.push_back(stream);
    visits.push_back({stream});
  };
  for (size_t root = 0; root < count; ++root) {
    if (index[root] != kNone) continue;
    enter(root);
    while (!visits.empty()) {
      const size_t stream = visits.back().stream;
      if (visits.back().next_edge < edges[stream].size()) {
        const size_t to = edges[stream][visits.back().next_edge++];
        if (index[to] == kNone) {
          enter(to);
        } else if (part[to] == kNone) {
          low[stream] = std::min(low[stream], index[to]);
        }
        continue;
      }
      visits.pop_back();
      if (!visits.empty()) low[visits.back().stream] = std::min(low[visits.back().stream], low[stream]);
      if (low[stream] != index[stream]) continue;
      for (size_t member = kNone; member != stream;) {
        member = open.back();
        open.pop_back();
        part[member] = next_part;
      }
      ++next_part;
    }
  }
  return part;
}

Status invalid(const runtime::Connector& destination, std::string_view what) {
  return make_error(
      ErrorCategory::kSchema, codes::kReferencesInvalid,
      fmt::format("{}: its answer to which streams refer to each other {}. Report this to the connector's author",
                  destination.name(), what));
}

}  // namespace

StreamOrder order_streams(size_t count, const std::vector<StreamReference>& references) {
  std::vector<std::vector<size_t>> edges(count);
  for (const StreamReference& reference : references) {
    if (reference.stream != reference.refers_to) edges[reference.stream].push_back(reference.refers_to);
  }
  for (std::vector<size_t>& to : edges) {
    std::sort(to.begin(), to.end());
    to.erase(std::unique(to.begin(), to.end()), to.end());
  }
  const std::vector<size_t> part = connected_parts(edges);
  StreamOrder order;
  order.after.resize(count);
  std::vector<std::vector<size_t>> members(count);
  for (size_t stream = 0; stream < count; ++stream) {
    if (!members[part[stream]].empty()) order.after[stream].push_back(members[part[stream]].back());
    members[part[stream]].push_back(stream);
    for (const size_t to : edges[stream]) {
      if (part[to] != part[stream]) order.after[stream].push_back(to);
    }
  }
  std::copy_if(members.begin(), members.end(), std::back_inserter(order.cycles),
               [](const std::vector<size_t>& streams) { return streams.size() > 1; });
  std::sort(order.cycles.begin(), order.cycles.end());
  return order;
}

bool knows_references(const runtime::Connector& destination) {
  return destination.speaks_2_1() && has_feature(destination, protocol::Feature::kStreamReferences);
}

std::string references_question(std::string_view pipeline, std::string_view run_id,
                                const std::vector<std::string>& streams) {
  const json question = {
      {"ask", "references"}, {"streams", streams}, {"stream_name", ""}, {"pipeline", pipeline}, {"run_id", run_id}};
  return protocol::json_text(question);
}

Result<std::vector<StreamReference>> read_references(const runtime::Connector& destination,
                                                     const std::vector<std::string>& streams,
                                                     const std::optional<std::string>& answer) {
  std::vector<StreamReference> references;
  if (!answer) return references;
  const auto parsed = protocol::parse_untrusted(*answer, protocol::kReferencesLimits);
  if (!parsed.ok()) return invalid(destination, parsed.error().message);
  if (!parsed->is_object() || !parsed->contains("references") || !parsed->at("references").is_object()) {
    return invalid(destination, "has no object under \"references\"");
  }
  std::unordered_map<std::string_view, size_t> places;
  for (size_t i = 0; i < streams.size(); ++i) places.emplace(streams[i], i);
  for (const auto& [stream, others] : parsed->at("references").items()) {
    const auto wrong = [&, name = std::string_view(stream)](std::string_view what) {
      return invalid(destination,
                     fmt::format("has under \"references\", at key {}, {}", protocol::shown_name(name), what));
    };
    if (!others.is_array()) return wrong(fmt::format("{} instead of a list of streams", others.type_name()));
    const auto from = places.find(stream);
    for (const json& other : others) {
      if (!other.is_string()) return wrong(fmt::format("a list with {} in it instead of names", other.type_name()));
      // Streams that nobody asked about are unknown here.
      const auto to = places.find(other.get_ref<const std::string&>());
      if (from != places.end() && to != places.end()) references.push_back({from->second, to->second});
    }
  }
  return references;
}

Result<std::vector<StreamReference>> ask_references(RunContext& run, const std::vector<StreamPlan>& plans) {
  if (plans.size() < 2 || run.destination == nullptr || !knows_references(*run.destination)) {
    return std::vector<StreamReference>();
  }
  std::vector<std::string> streams;
  for (const StreamPlan& plan : plans) streams.push_back(plan.config.name);
  std::optional<std::string> answer;
  RB_RETURN_NOT_OK(with_idle_destination(run, [&](runtime::ComponentInstance& destination) -> Status {
    RB_ASSIGN_OR_RETURN(answer,
                        destination.last_committed(references_question(run.pipeline.name, run.run_id, streams)));
    return {};
  }));
  return read_references(*run.destination, streams, answer);
}

StreamSchedule::StreamSchedule(const StreamOrder& order)
    : before_(order.after.size()),
      waits_for_(order.after.size(), 0),
      held_back_(order.after.size(), false),
      not_begun_(order.after.size()) {
  for (size_t stream = 0; stream < order.after.size(); ++stream) {
    waits_for_[stream] = order.after[stream].size();
    for (const size_t first : order.after[stream]) before_[first].push_back(stream);
    if (order.after[stream].empty()) ready_.insert(stream);
  }
}

std::optional<size_t> StreamSchedule::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || not_begun_ == 0 || !ready_.empty(); });
  if (stopped_ || not_begun_ == 0) return std::nullopt;
  const size_t stream = *ready_.begin();
  ready_.erase(ready_.begin());
  if (--not_begun_ == 0) changed_.notify_all();
  return stream;
}

void StreamSchedule::ended(size_t stream) {
  std::lock_guard lock(mutex_);
  for (const size_t next : before_[stream]) {
    if (--waits_for_[next] == 0) ready_.insert(next);
  }
  changed_.notify_all();
}

std::vector<size_t> StreamSchedule::failed(size_t stream) {
  std::lock_guard lock(mutex_);
  std::vector<size_t> held_back;
  std::vector<size_t> open = {stream};
  while (!open.empty()) {
    const size_t first = open.back();
    open.pop_back();
    for (const size_t waiting : before_[first]) {
      if (held_back_[waiting]) continue;
      held_back_[waiting] = true;
      held_back.push_back(waiting);
      open.push_back(waiting);
    }
  }
  not_begun_ -= held_back.size();
  changed_.notify_all();
  return held_back;
}

void StreamSchedule::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace rapidbyte::engine
