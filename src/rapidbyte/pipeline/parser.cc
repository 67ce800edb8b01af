#include "rapidbyte/pipeline/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <system_error>

#include "rapidbyte/base/redaction.h"
#include "rapidbyte/pipeline/field_reader.h"
#include "rapidbyte/pipeline/secret_names.h"
#include "rapidbyte/pipeline/suggestion.h"
#include "rapidbyte/pipeline/utf8.h"
#include "rapidbyte/pipeline/validator.h"
#include "rapidbyte/pipeline/yaml_tree.h"

namespace rapidbyte::pipeline {
namespace {

// A screen or two; a file with more mistakes than that is usually one mistake repeated.
constexpr size_t kMaxProblems = 100;
constexpr uint64_t kAnyCount = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kAny32 = std::numeric_limits<uint32_t>::max();

/// Replaces `${NAME}` in every value of the document (not in keys), and registers secret values.
class SubstitutionPass {
 public:
  SubstitutionPass(const EnvLookup& lookup, std::vector<Problem>& problems) : lookup_(lookup), problems_(problems) {}

  void run(YamlNode& node, const std::string& path, bool secret) {
    if (node.substituted) return;
    node.substituted = true;
    for (size_t i = 0; i < node.items.size(); ++i) run(*node.items[i], fmt::format("{}[{}]", path, i), secret);
    for (YamlNode::Entry& entry : node.entries) {
      run(*entry.value, path.empty() ? printable(entry.key) : path + '.' + printable(entry.key),
          secret || looks_secret(entry.key));
    }
    if (node.kind == YamlNode::Kind::kScalar && node.text.find("${") != std::string::npos) scalar(node, path, secret);
  }

 private:
  void scalar(YamlNode& node, const std::string& path, bool secret) {
    Substitution done = substitute(node.text, lookup_);
    for (const Substitution::Used& used : done.used) {
      if (secret || looks_secret(used.name)) add_secret(used.value);
      register_embedded_secrets(used.value);
    }
    for (const std::string& name : done.missing) {
      problems_.push_back(
          {node.location, path,
           fmt::format("the environment variable {0} is not set; export {0}, or write ${{{0}:-default}}", name)});
    }
    for (std::string& mistake : done.mistakes) problems_.push_back({node.location, path, std::move(mistake)});
    node.unresolved = !done.missing.empty() || !done.mistakes.empty();
    node.text = std::move(done.text);
  }

  const EnvLookup& lookup_;
  std::vector<Problem>& problems_;
};

class PipelineReader {
 public:
  PipelineReader(const YamlNode& root, const EnvLookup& lookup, ParseOutcome& outcome)
      : root_(root), lookup_(lookup), outcome_(outcome) {}

  PipelineConfig read(const std::filesystem::path& file) {
    PipelineConfig config;
    config.file = file;
    FieldReader top(root_, "", root_.location, outcome_.problems);
    config.version = top.text("version").value_or("");
    if (config.version.empty()) top.report_missing("version", "write version: \"1.0\"");
    config.name = top.text("pipeline").value_or("");
    if (config.name.empty()) top.report_missing("pipeline", "give the pipeline a name, for example pipeline: orders");
    if (const YamlNode* source = section(top, "source", "name the source, for example use: rapidbyte/source-file")) {
      read_source(*source, top.key_location("source"), config.source);
    }
    if (const YamlNode* transforms = top.list("transforms")) {
      for (size_t i = 0; i < transforms->items.size(); ++i) read_transform(*transforms->items[i], i, config.transforms);
    }
    if (const YamlNode* dest =
            section(top, "destination", "name the destination, for example use: rapidbyte/dest-sqlite")) {
      read_destination(*dest, top.key_location("destination"), config.destination);
    }
    const std::filesystem::path folder = file.parent_path();
    read_state(top, folder, config.state);
    read_dlq(top, folder, config.dlq);
    read_resources(top, config.resources);
    config.on_stream_error = top.one_of("on_stream_error", {OnStreamError::kContinue, OnStreamError::kStop})
                                 .value_or(config.on_stream_error);
    // Keys that begin with x- belong to the user, as a place for anchors.
    top.finish("x-");
    return config;
  }

 private:
  const YamlNode* section(FieldReader& top, std::string_view key, std::string_view how) {
    const YamlNode* node = top.map(key);
    const YamlNode* present = root_.find(key);
    if (node == nullptr && (present == nullptr || present->is_null())) top.report_missing(key, how);
    return node;
  }

  void read_use(FieldReader& reader, SourceLocation location, ConnectorUse& use) {
    use.location = location;
    use.use = reader.text("use").value_or("");
    if (use.use.empty())
      reader.report_missing("use", "name the connector, for example use: rapidbyte/source-file@v0.1.0");
    use.config_location = reader.key_location("config");
    if (const YamlNode* config = reader.map("config")) {
      use.config = to_json(*config);
      register_secrets(use.config);
    }
    if (const YamlNode* permissions = reader.map("permissions")) {
      FieldReader fields(*permissions, reader.path_of("permissions"), reader.key_location("permissions"),
                         outcome_.problems);
      use.allow_env = fields.text_list("env").value_or(std::vector<std::string>());
      for (const std::string& name : use.allow_env) {
        if (const auto value = lookup_(name)) register_granted_variable(name, *value);
      }
      use.read_write_preopens = fields.text_list("read_write_preopens").value_or(std::vector<std::string>());
      fields.finish();
    }
  }

  void read_source(const YamlNode& node, SourceLocation location, SourceConfig& source) {
    FieldReader reader(node, "source", location, outcome_.problems);
    read_use(reader, location, source);
    const YamlNode* present = node.find("streams");
    const YamlNode* streams = reader.list("streams");
    const bool empty = streams != nullptr && streams->items.empty();
    if (empty || (present != nullptr && present->is_null())) {
      // Never "all streams" by accident, for example because all entries are commented out.
      reader.report("streams", reader.key_location("streams"),
                    "has no entries; name a stream (- name: orders), or leave out streams to load all of them");
    }
    if (streams != nullptr) {
      for (size_t i = 0; i < streams->items.size(); ++i) read_stream(*streams->items[i], i, source.streams);
    }
    reader.finish();
  }

  void read_stream(const YamlNode& node, size_t index, std::vector<StreamConfig>& streams) {
    const std::string path = fmt::format("source.streams[{}]", index);
    // One entry per item even when it is broken, so that the validator's pointers stay correct.
    StreamConfig& stream = streams.emplace_back();
    stream.location = node.location;
    if (node.unresolved) return;
    if (node.kind != YamlNode::Kind::kMap) {
      const bool named = node.kind == YamlNode::Kind::kScalar && !node.is_null();
      outcome_.problems.push_back({node.location, path,
                                   fmt::format("must be a map with a name, but is {}; write - name: {}",
                                               node.kind_name(), named ? printable(node.text) : "orders")});
      return;
    }
    FieldReader reader(node, path, node.location, outcome_.problems);
    stream.name = reader.text("name").value_or("");
    if (stream.name.empty()) reader.report_missing("name", "every stream needs one, for example - name: orders");
    stream.sync_mode = reader.one_of("sync_mode", {SyncMode::kFullRefresh, SyncMode::kIncremental, SyncMode::kCdc})
                           .value_or(SyncMode::kFullRefresh);
    stream.cursor_field = reader.text("cursor_field");
    stream.write_mode = reader.one_of("write_mode", {WriteMode::kAppend, WriteMode::kReplace, WriteMode::kUpsert});
    stream.primary_key = reader.text_list("primary_key").value_or(std::vector<std::string>());
    const auto& known = reader.known();
    for (const YamlNode::Entry& entry : node.entries) {
      if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
      stream.options[entry.key] = to_json(*entry.value);
      if (const auto near = closest(entry.key, known)) {
        outcome_.warnings.push_back({entry.key_location, reader.path_of(entry.key),
                                     fmt::format("is passed on to the connector; did you mean {}?", *near)});
      }
    }
  }

  void read_transform(const YamlNode& node, size_t index, std::vector<ConnectorUse>& transforms) {
    const std::string path = fmt::format("transforms[{}]", index);
    ConnectorUse& use = transforms.emplace_back();
    use.location = node.location;
    if (node.unresolved) return;
    if (node.kind != YamlNode::Kind::kMap) {
      outcome_.problems.push_back(
          {node.location, path, fmt::format("must be a map with use and config, but is {}", node.kind_name())});
      return;
    }
    FieldReader reader(node, path, node.location, outcome_.problems);
    read_use(reader, node.location, use);
    reader.finish();
  }

  void read_destination(const YamlNode& node, SourceLocation location, DestinationConfig& dest) {
    FieldReader reader(node, "destination", location, outcome_.problems);
    read_use(reader, location, dest);
    dest.write_mode = reader.one_of("write_mode", {WriteMode::kAppend, WriteMode::kReplace, WriteMode::kUpsert})
                          .value_or(dest.write_mode);
    dest.primary_key = reader.text_list("primary_key").value_or(std::vector<std::string>());
    dest.on_data_error = reader.one_of("on_data_error", {OnDataError::kFail, OnDataError::kSkip, OnDataError::kDlq})
                             .value_or(dest.on_data_error);
    if (const YamlNode* evolution = reader.map("schema_evolution")) {
      FieldReader fields(*evolution, "destination.schema_evolution", reader.key_location("schema_evolution"),
                         outcome_.problems);
      SchemaEvolution& to = dest.schema_evolution;
      to.new_column =
          fields.one_of("new_column", {NewColumn::kAdd, NewColumn::kIgnore, NewColumn::kFail}).value_or(to.new_column);
      to.removed_column =
          fields.one_of("removed_column", {RemovedColumn::kIgnore, RemovedColumn::kFail}).value_or(to.removed_column);
      to.type_change = read_type_change(fields, *evolution).value_or(to.type_change);
      to.nullability_change = fields.one_of("nullability_change", {NullabilityChange::kAllow, NullabilityChange::kFail})
                                  .value_or(to.nullability_change);
      fields.finish();
    }
    reader.finish();
  }

  /// `type_change: null` means the word, although YAML reads it as null; an empty value is still null.
  static std::optional<TypeChange> read_type_change(FieldReader& fields, const YamlNode& evolution) {
    const auto value = fields.one_of("type_change", {TypeChange::kCoerce, TypeChange::kFail, TypeChange::kNull});
    const YamlNode* node = evolution.find("type_change");
    if (!value && node != nullptr && node->is_null() && node->text == "null") return TypeChange::kNull;
    return value;
  }

  void read_state(FieldReader& top, const std::filesystem::path& folder, StateConfig& state) {
    std::string connection = ".rapidbyte/state.db";
    if (const YamlNode* node = top.map("state")) {
      FieldReader reader(*node, "state", top.key_location("state"), outcome_.problems);
      if (auto backend = reader.text("backend")) {
        if (std::find(kStateBackends.begin(), kStateBackends.end(), *backend) == kStateBackends.end()) {
          reader.report(
              "backend", node->find("backend")->location,
              fmt::format("unknown value '{}'{}", printable(*backend), suggestion_text(*backend, kStateBackends)));
        }
        state.backend = std::move(*backend);
      }
      connection = reader.text("connection").value_or(connection);
      if (connection.empty()) reader.report_missing("connection", "name the state's file, or leave out connection");
      reader.finish();
    }
    state.connection = (folder / connection).lexically_normal();
  }

  void read_dlq(FieldReader& top, const std::filesystem::path& folder, DlqConfig& dlq) {
    const YamlNode* node = top.map("dlq");
    if (node == nullptr) return;
    FieldReader reader(*node, "dlq", top.key_location("dlq"), outcome_.problems);
    if (auto path = reader.text("path")) {
      if (path->empty()) reader.report_missing("path", "name the file, or leave out path");
      dlq.path = (folder / *path).lexically_normal();
    }
    dlq.max_bytes = reader.size("max_bytes").value_or(dlq.max_bytes);
    reader.finish();
  }

  void read_resources(FieldReader& top, Resources& resources) {
    const YamlNode* node = top.map("resources");
    if (node == nullptr) return;
    FieldReader reader(*node, "resources", top.key_location("resources"), outcome_.problems);
    Resources& to = resources;
    const auto read32 = [&reader](std::string_view key, uint32_t& field) {
      if (auto number = reader.count(key, kAny32)) field = static_cast<uint32_t>(*number);
    };
    to.max_memory = reader.size("max_memory").value_or(to.max_memory);
    to.max_batch_bytes = reader.size("max_batch_bytes").value_or(to.max_batch_bytes);
    to.max_record_bytes = reader.size("max_record_bytes").value_or(to.max_record_bytes);
    read32("parallelism", to.parallelism);
    to.checkpoint_interval_bytes = reader.size("checkpoint_interval_bytes").value_or(to.checkpoint_interval_bytes);
    to.checkpoint_interval_rows =
        reader.count("checkpoint_interval_rows", kAnyCount).value_or(to.checkpoint_interval_rows);
    to.checkpoint_interval_seconds =
        reader.count("checkpoint_interval_seconds", kAnyCount).value_or(to.checkpoint_interval_seconds);
    read32("max_retries", to.max_retries);
    to.compression = reader.one_of("compression", {Compression::kNone, Compression::kLz4, Compression::kZstd})
                         .value_or(to.compression);
    read32("max_inflight_batches", to.max_inflight_batches);
    read32("guest_timeout_seconds", to.guest_timeout_seconds);
    reader.finish();
  }

  const YamlNode& root_;
  const EnvLookup& lookup_;
  ParseOutcome& outcome_;
};

/// Sorted by place, at most kMaxProblems.
void put_in_order(std::vector<Problem>& problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.location.line, a.location.column) < std::pair(b.location.line, b.location.column);
  });
  if (problems.size() <= kMaxProblems) return;
  const size_t more = problems.size() - kMaxProblems;
  problems.resize(kMaxProblems);
  problems.push_back({{}, "", fmt::format("{} more problems are not shown", more)});
}

/// Adds the validator's problems, except where the file itself was already wrong: there a default was used.
void add_new(std::vector<Problem> found, std::vector<Problem>& problems) {
  const size_t before = problems.size();
  for (Problem& problem : found) {
    const bool known = std::any_of(problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(before),
                                   [&](const Problem& old) { return old.key_path.starts_with(problem.key_path); });
    if (!known) problems.push_back(std::move(problem));
  }
}

Problem file_problem(std::string message) { return {{}, "", std::move(message)}; }

}  // namespace

std::optional<SourceLocation> ParseOutcome::locate(std::string_view pointer) const {
  return document ? document->locate(pointer) : std::nullopt;
}

Problem ParseOutcome::problem_at(std::string_view section, std::string_view pointer, std::string message) const {
  const std::string whole = std::string(section) + std::string(pointer);
  return {locate(whole).value_or(SourceLocation()), key_path_of_pointer(whole), std::move(message)};
}

namespace {

ParseOutcome parse_once(std::string_view text, const std::filesystem::path& file, const EnvLookup& env_lookup) {
  ParseOutcome outcome;
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(file, error).lexically_normal();
  if (error) absolute = file;
  auto tree = std::make_shared<YamlTree>();
  tree->read(text, outcome.problems);
  outcome.document = tree;
  if (YamlNode* root = tree->root()) {
    SubstitutionPass(env_lookup, outcome.problems).run(*root, "", false);
    if (root->kind != YamlNode::Kind::kMap) {
      outcome.problems.push_back(
          {root->location, "",
           fmt::format("the file must be a map that begins with version, but is {}", root->kind_name())});
    } else {
      PipelineConfig config = PipelineReader(*root, env_lookup, outcome).read(absolute);
      Validation validation =
          validate_pipeline(config, [&tree](std::string_view pointer) { return tree->locate(pointer); });
      add_new(std::move(validation.problems), outcome.problems);
      if (outcome.problems.empty()) {
        // A refused value was replaced by its default, and a warning about that would mislead.
        add_new(std::move(validation.warnings), outcome.warnings);
        outcome.config = std::move(config);
      }
    }
  }
  put_in_order(outcome.problems);
  put_in_order(outcome.warnings);
  return outcome;
}

}  // namespace

ParseOutcome parse_pipeline_text(std::string_view text, const std::filesystem::path& file,
                                 const EnvLookup& env_lookup) {
  ParseOutcome outcome = parse_once(text, file, env_lookup);
  if (outcome.problems.empty()) return outcome;
  // Again, because messages cut long values, and a secret that is known by now is not cut in half.
  register_secrets_in_source(text);
  return parse_once(text, file, env_lookup);
}

ParseOutcome parse_pipeline_file(const std::filesystem::path& file, const EnvLookup& env_lookup) {
  ParseOutcome outcome;
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) {
    outcome.problems.push_back(file_problem("is a folder; name the pipeline file in it"));
    return outcome;
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> handle(std::fopen(file.c_str(), "rbe"), &std::fclose);
  if (!handle) {
    outcome.problems.push_back(file_problem(fmt::format("cannot be opened: {}; check the path and its permissions",
                                                        std::generic_category().message(errno))));
    return outcome;
  }
  // In pieces: a buffer for the largest file would cost a small one more than everything else. Reading beyond the limit
  // distinguishes a file that is too large from one that just fits.
  std::string text;
  std::array<char, 16384> piece;
  std::FILE* const from = handle.get();
  while (std::feof(from) == 0 && std::ferror(from) == 0 && text.size() <= kMaxFileBytes) {
    text.append(piece.data(), std::fread(piece.data(), 1, piece.size(), from));
  }
  if (std::ferror(from) != 0) {
    outcome.problems.push_back(file_problem(fmt::format("cannot be read: {}", std::generic_category().message(errno))));
    return outcome;
  }
  return parse_pipeline_text(text, file, env_lookup);
}

}  // namespace rapidbyte::pipeline
