#include "rapidbyte/engine/load/position_owner.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "rapidbyte/base/log.h"
#include "rapidbyte/base/redaction.h"
#include "rapidbyte/base/sha256.h"
#include "rapidbyte/engine/lane/checkpoint.h"
#include "rapidbyte/engine/load/load_position.h"
#include "rapidbyte/engine/load/state_notes.h"
#include "rapidbyte/pipeline/secret_names.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kPlaceKeyword = "x-place";

// Members of an owner that are written in one place and read in another.
constexpr const char* kSyncMode = "sync_mode";
constexpr const char* kSourcePlace = "source_place";
constexpr const char* kStreamOptions = "stream_options";
constexpr const char* kTransforms = "transforms";
// Prefix of a setting of which only the hash is kept.
constexpr const char* kHashed = "sha256:";

/// `text` without secrets, and of `scheme://user:password@host:port/path?options` only `scheme://host/path`. Without
/// the port: a tunnel gets a different one each time, and the destination recognises its server by the receipts.
std::string place_in(const std::string& setting) {
  // Passwords in connection strings of any form; an unencoded one in a URL may contain delimiters of URLs.
  pipeline::register_embedded_secrets(setting);
  const std::string text = redact(setting);
  const size_t scheme = text.find("://");
  if (scheme == std::string::npos) return text;
  const size_t begin = scheme + 3;
  const std::string rest = text.substr(begin, text.find_first_of("?#", begin) - begin);
  const size_t slash = std::min(rest.find('/'), rest.size());
  std::string hosts = rest.substr(0, slash);
  if (const size_t at = hosts.rfind('@'); at != std::string::npos) hosts.erase(0, at + 1);
  std::string place = text.substr(0, begin);
  // Several hosts may be named: a:1,b:2. IPv6 addresses are in brackets.
  for (size_t i = 0; i < hosts.size(); ++i) {
    const bool port = hosts[i] == ':' && hosts.find(']', i) == std::string::npos;
    if (!port) {
      place += hosts[i];
      continue;
    }
    while (i + 1 < hosts.size() && hosts[i + 1] >= '0' && hosts[i + 1] <= '9') ++i;
  }
  return place + rest.substr(slash);
}

/// `value` with place_in() applied to its texts at any depth, without the values of secret keys: a manifest may mark a
/// whole object.
json place_value(const json& value) {
  if (value.is_string()) return place_in(value.get_ref<const std::string&>());
  if (value.is_array()) {
    json items = json::array();
    for (const json& item : value) items.push_back(place_value(item));
    return items;
  }
  if (!value.is_object()) return value;
  json members = json::object();
  for (const auto& [key, item] : value.items())
    if (!pipeline::looks_secret(key)) members[redact(key)] = place_value(item);
  return members;
}

/// `text`, a path relative to `folder`, without "./", doubled slashes and "x/..". A ".." behind a link stays: it leads
/// to where the link's folder lies. Links are not resolved: the user may point them at another database.
std::string plain_path(const std::string& text, const fs::path& folder) {
  std::error_code error;
  fs::path plain;
  for (const fs::path& part : fs::path(text)) {
    if (part.empty() || part == ".") continue;
    const bool undoes = part == ".." && plain.has_relative_path() && plain.filename() != ".." &&
                        !fs::is_symlink(fs::symlink_status(folder / plain, error));
    if (undoes) {
      plain = plain.parent_path();
    } else {
      plain /= part;
    }
  }
  return plain.empty() ? "." : plain.string();
}

// Links are kept: changing what a link points to (a release folder) does not move the pipeline, and the comparison
// follows them.
fs::path one_name_of(const fs::path& file) {
  std::error_code error;
  const fs::path path = fs::absolute(file, error);
  return error ? file : path.lexically_normal();
}

bool is_incremental(const StreamPlan& plan) { return plan.config.sync_mode != pipeline::SyncMode::kFullRefresh; }

/// Whether the run continues from a position of `plan`'s stream that an earlier run made.
bool continues_from_position(const StreamPlan& plan, const state::StreamState& known) {
  if (plan.write_mode == pipeline::WriteMode::kReplace) return false;
  if (resumes_load(plan, known) && known.committed) return true;
  return is_incremental(plan) && known.checkpoint_json.has_value();
}

json member(const json& object, const char* key) {
  const auto at = object.find(key);
  return at == object.end() ? json() : *at;
}

/// `other`: the one that it is compared with.
std::string place_text(const json& place, const json& other) {
  std::string text;
  for (const auto& [key, value] : place.items()) {
    std::string shown = value.is_string() ? value.get<std::string>() : protocol::json_text(value);
    if (shown.starts_with(kHashed)) shown = member(other, key.c_str()) == value ? "the same" : "another text";
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", key, shown);
  }
  return text.empty() ? "its defaults" : text;
}

/// An empty object when no owner was recorded; an unreadable one binds nothing, as before owners were kept.
json owner_in(const std::optional<std::string>& text) {
  if (!text) return json::object();
  json owner = protocol::parse_untrusted_object(*text, protocol::kReceiptLimits);
  return owner.is_object() ? owner : json::object();
}

/// What has changed since the position was made; empty when nothing has. `may_keep`: only the user can know whether the
/// rows before the position are where the pipeline points now.
struct Change {
  std::string what;
  bool may_keep = true;
};

/// For a table that is appended to: with another sync mode, or without the position, rows that are there would be
/// loaded again.
Change sync_mode_change(const StreamPlan& plan, const state::StreamState& known) {
  const std::string mode = mode_of_rows(known);
  const std::string_view now = to_string(plan.config.sync_mode);
  if (plan.write_mode != pipeline::WriteMode::kAppend || mode.empty()) return {};
  if (mode != now) {
    return {is_incremental(plan)
                ? fmt::format("is missing: its rows were loaded with sync_mode {}, and sync_mode is now {}, which "
                              "starts from the beginning and appends all of them again",
                              mode, now)
                : fmt::format("was made with sync_mode {}, and sync_mode is now {}, which appends all rows again and "
                              "forgets the position",
                              mode, now),
            /*may_keep=*/false};
  }
  if (!is_incremental(plan) || known.checkpoint_json) return {};
  return {"was forgotten when a load with another sync_mode began, and without it all rows are appended again",
          /*may_keep=*/false};
}

bool marks_place(const runtime::Connector& connector) {
  const runtime::Manifest* manifest = connector.manifest();
  const json properties = manifest != nullptr && manifest->config_schema.is_object()
                              ? manifest->config_schema.value("properties", json::object())
                              : json::object();
  return std::any_of(properties.begin(), properties.end(), [](const json& property) {
    return property.is_object() && property.value(kPlaceKeyword, json(false)) == json(true);
  });
}

/// Whether the source itself cannot compare what a position means with what it reads now: it is not given the position
/// of a load that only has to be finished, and a source of 2.0.0 has no such rule.
bool source_cannot_compare(const RunContext& run, const StreamPlan& plan, const state::StreamState& known) {
  // Settings that are not marked as a place may change every day.
  if (!run.source->speaks_2_1() && marks_place(*run.source)) return true;
  if (is_incremental(plan) || !known.checkpoint_json) return false;
  const json saved = protocol::parse_untrusted_object(*known.checkpoint_json, protocol::kReceiptLimits);
  return saved.is_object() && saved.value("end", json(false)) == json(true);
}

/// For positions that the run continues from.
Change change_between(const RunContext& run, const StreamPlan& plan, const state::StreamState& known,
                      const json& before, const json& now) {
  // Between runs a query may change; rows of one load are made by one.
  if (resumes_load(plan, known) && known.committed) {
    const json begun = owner_in(known.load_owner_json);
    if (!begun.empty() && member(begun, kTransforms) != member(now, kTransforms)) {
      return {
          "is one in the middle of a load that was begun with other transforms, or other settings of them, so that "
          "the rest of its rows would not be what the first ones are",
          /*may_keep=*/false};
    }
  }
  const json field = member(before, "cursor_field");
  const json field_now = member(now, "cursor_field");
  // A stream that is not incremental has none.
  if (field.is_string() && field_now.is_string() && field != field_now) {
    return {
        fmt::format(
            "is a value of cursor_field {}, and cursor_field is now {}: the old value means nothing in the new order",
            field.get<std::string>(), field_now.get<std::string>()),
        /*may_keep=*/false};
  }
  if (member(before, "source") != member(now, "source")) {
    return {fmt::format("was made by source {}, and the source is now {}", protocol::text_member(before, "source"),
                        protocol::text_member(now, "source")),
            /*may_keep=*/false};
  }
  if (member(before, "destination") != member(now, "destination") || member(before, "place") != member(now, "place")) {
    return {fmt::format(
        "says which rows the destination {} ({}) holds, and the destination is now {} ({}), where the "
        "rows before the position may not be",
        protocol::text_member(before, "destination"), place_text(member(before, "place"), member(now, "place")),
        protocol::text_member(now, "destination"), place_text(member(now, "place"), member(before, "place")))};
  }
  if (source_cannot_compare(run, plan, known) && before.contains(kSourcePlace)) {
    if (before[kSourcePlace] != member(now, kSourcePlace)) {
      return {fmt::format("refers to the rows of {}, and the source is now {}, about whose rows it says nothing",
                          place_text(before[kSourcePlace], member(now, kSourcePlace)),
                          place_text(member(now, kSourcePlace), before[kSourcePlace]))};
    }
    if (member(before, kStreamOptions) != member(now, kStreamOptions)) {
      return {"was made with other settings of the stream's entry in the pipeline, so it may refer to other rows"};
    }
  }
  const fs::path other = protocol::text_member(before, "file");
  std::error_code error;
  // A file that is gone was moved or renamed: this one has taken its place.
  if (!other.empty() && fs::exists(other, error) && !fs::equivalent(other, run.pipeline.file, error) && !error) {
    return {fmt::format(
        "was made by {}, which has the same pipeline name '{}' and the same state as {}: two pipelines "
        "that share positions miss each other's rows. Give one of them another name, and, as it starts from the "
        "beginning, another table",
        other.string(), run.pipeline.name, run.pipeline.file.string())};
  }
  return {};
}

struct ChangedStream {
  const StreamPlan* plan;
  Change change;
};

/// "a, b, c and 7 more".
std::string names_of(const std::vector<const ChangedStream*>& streams) {
  constexpr size_t kNamed = 10;
  std::string text;
  for (size_t i = 0; i < std::min(streams.size(), kNamed); ++i)
    text += (i > 0 ? ", " : "") + streams[i]->plan->config.name;
  if (streams.size() > kNamed) text += fmt::format(" and {} more", streams.size() - kNamed);
  return text;
}

/// All of them in one message: a user who followed its advice for one stream would only be refused for the next.
/// `streams` is not empty.
RunFailure changed(const RunContext& run, const std::vector<ChangedStream>& streams) {
  const ChangedStream& first = streams.front();
  std::vector<const ChangedStream*> alike;
  std::vector<const ChangedStream*> others;
  std::vector<std::string> names;
  const StreamPlan* appended = nullptr;
  bool may_keep = true;
  for (const ChangedStream& stream : streams) {
    names.push_back(stream.plan->config.name);
    may_keep = may_keep && stream.change.may_keep;
    // An incremental stream has fewer remedies.
    if (stream.plan->write_mode == pipeline::WriteMode::kAppend &&
        (appended == nullptr || is_incremental(*stream.plan)))
      appended = stream.plan;
    if (&stream != &first) (stream.change.what == first.change.what ? alike : others).push_back(&stream);
  }
  std::string what = fmt::format("stream '{}': its position {}", first.plan->config.name, first.change.what);
  if (!alike.empty()) what += fmt::format(". The same holds for {} more: {}", alike.size(), names_of(alike));
  if (!others.empty()) {
    what += fmt::format(". {} more {} for other reasons: {} ('{}': its position {})", others.size(),
                        others.size() == 1 ? "is refused" : "are refused", names_of(others),
                        others.front()->plan->config.name, others.front()->change.what);
  }
  const bool one = streams.size() == 1;
  const std::string without_doubling =
      appended == nullptr
          ? ""
          : fmt::format("use write_mode {}; or remove the {} rows from the {}, which would be there twice, and ",
                        modes_without_doubling(*appended), one ? "stream's" : "streams'", one ? "table" : "tables");
  return RunFailure{
      Stage::kConfig,
      config_error(codes::kCursorChanged,
                   fmt::format("{}. This run wrote nothing. Undo the change; or {}start over with: {}{}", what,
                               without_doubling, reset_hint(run, names),
                               may_keep ? "; or, if every row before the position is there (the database has moved, "
                                          "the file was copied), continue once with: --keep-positions"
                                        : ""))
          .error()};
}

}  // namespace

json place_of(const json& schema, const json& config) {
  json marked = json::object();
  json texts = json::object();
  bool marks = false;
  const json properties = schema.is_object() ? schema.value("properties", json::object()) : json::object();
  for (const auto& [key, property] : properties.items()) {
    if (!property.is_object() || property.value(kPlaceKeyword, json(false)) != json(true)) continue;
    marks = true;
    // Even if the manifest marks it: the place is kept in the state in plain text.
    if (pipeline::looks_secret(key)) continue;
    // Writing out a default is not a change.
    const json value = config.contains(key) ? config[key] : property.value("default", json());
    if (!value.is_null()) marked[key] = place_value(value);
  }
  if (marks || !config.is_object()) return marked;
  for (const auto& [key, value] : config.items())
    // Its meaning is unknown, and it may be a key in a URL: keep only enough to see whether it changes.
    if (value.is_string() && !pipeline::looks_secret(key))
      texts[key] = kHashed + sha256_hex(protocol::json_text(place_value(value))).substr(0, 16);
  return texts;
}

json with_plain_paths(json config, const std::vector<runtime::ConfigPath>& paths, const fs::path& folder) {
  for (const runtime::ConfigPath& path : paths) {
    try {
      const json::json_pointer at(path.pointer);
      if (config.contains(at) && config[at].is_string()) config[at] = plain_path(config[at], folder);
    } catch (const json::exception&) {
      // No pointer: the grants have refused it.
    }
  }
  return config;
}

json run_owner(const RunContext& run) {
  const auto place = [&](const runtime::Connector& connector, const json& config) {
    const runtime::Manifest* manifest = connector.manifest();
    if (manifest == nullptr) return place_of(json(), config);
    return place_of(manifest->config_schema,
                    with_plain_paths(config, runtime::config_paths_in(manifest->permissions, config),
                                     run.pipeline.file.parent_path()));
  };
  json owner = {{"file", one_name_of(run.pipeline.file).string()},
                {"source", run.source->name()},
                {kSourcePlace, place(*run.source, run.pipeline.source.config)},
                {"destination", run.destination->name()},
                {"place", place(*run.destination, run.pipeline.destination.config)}};
  json transforms = json::array();
  for (size_t i = 0; i < run.transforms.size(); ++i)
    transforms.push_back({run.transforms[i]->name(), place_value(run.pipeline.transforms[i].config)});
  // A query may hold what is nobody's business.
  if (!transforms.empty()) owner[kTransforms] = sha256_hex(protocol::json_text(transforms));
  return owner;
}

json position_owner(const RunContext& run, const StreamPlan& plan) {
  json owner = run.position_owner;
  owner[kSyncMode] = to_string(plan.config.sync_mode);
  // A `where` may contain private data.
  owner[kStreamOptions] = sha256_hex(protocol::json_text(plan.config.options));
  if (plan.config.cursor_field) owner["cursor_field"] = *plan.config.cursor_field;
  return owner;
}

std::string mode_of_rows(const state::StreamState& known) {
  return protocol::text_member(owner_in(known.owner_json), kSyncMode);
}

bool has_loaded_rows(const state::StreamState& known) {
  if (known.load_id.empty()) return false;
  if (known.committed || known.owner_json) return true;
  // From an earlier version: a finished load has committed something. One that has only begun may be the first.
  return !known.load_owner_json && !known.load_in_progress;
}

bool is_of_other_sync_mode(const StreamPlan& plan, const state::StreamState& known) {
  const std::string mode = protocol::text_member(owner_in(known.load_owner_json), kSyncMode);
  return !mode.empty() && mode != to_string(plan.config.sync_mode);
}

std::optional<RunFailure> check_position_owners(RunContext& run, const std::vector<StreamPlan>& plans) {
  const auto state_failure = [](Status status) { return RunFailure{Stage::kState, std::move(status.error())}; };
  struct Kept {
    state::StreamKey key;
    std::string owner;
  };
  std::vector<ChangedStream> refused;
  std::vector<Kept> kept;
  for (const StreamPlan& plan : plans) {
    const state::StreamKey key{run.pipeline.name, plan.config.name, ""};
    auto known = run.state.load_stream(key);
    if (!known.ok()) return state_failure(std::move(known).status());
    const json before = owner_in(known->owner_json);
    if (before.empty()) continue;
    if (Change change = sync_mode_change(plan, *known); !change.what.empty()) {
      refused.push_back({&plan, std::move(change)});
      continue;
    }
    if (!continues_from_position(plan, *known)) continue;
    const json now = position_owner(run, plan);
    Change change = change_between(run, plan, *known, before, now);
    if (change.what.empty()) continue;
    if (!change.may_keep || !run.options.keep_positions) {
      refused.push_back({&plan, std::move(change)});
      continue;
    }
    log_warn("stream '{}': its position {}. Continuing because of --keep-positions", plan.config.name, change.what);
    kept.push_back({key, protocol::json_text(now)});
  }
  if (!refused.empty()) return changed(run, refused);
  // Only now: a refused run changes nothing.
  if (!run.keeps_state() || run.lease == nullptr) return std::nullopt;
  for (const Kept& position : kept) {
    if (Status taken = run.lease->set_owner(position.key, position.owner); !taken.ok())
      return state_failure(std::move(taken));
  }
  return std::nullopt;
}

}  // namespace rapidbyte::engine
