#include "rapidbyte/pipeline/validator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "rapidbyte/pipeline/env_substitution.h"
#include "rapidbyte/pipeline/suggestion.h"
#include "rapidbyte/pipeline/utf8.h"

namespace rapidbyte::pipeline {
namespace {

constexpr uint64_t kKiB = uint64_t{1} << 10U;
constexpr uint64_t kMiB = uint64_t{1} << 20U;
constexpr uint64_t kGiB = uint64_t{1} << 30U;

constexpr std::string_view kVersion = "1.0";
// The name is part of file names, which are limited to 255 bytes and get a run id and an extension.
constexpr size_t kMaxPipelineNameBytes = 128;
// The longest identifier of any database is far shorter; a stream's name is repeated in every message.
constexpr size_t kMaxStreamNameBytes = 512;
// More threads than any machine has cores for.
constexpr uint32_t kMaxParallelism = 256;
constexpr uint32_t kMaxInflightBatches = 1024;
// Below 4 KiB the overhead of a batch exceeds its content; above 64 MiB the host refuses batches (runtime).
constexpr uint64_t kMinBatchBytes = 4 * kKiB;
constexpr uint64_t kMaxBatchBytes = 64 * kMiB;
// A row of many short columns fits into 64 KiB; PostgreSQL and SQLite hold no value above 1 GiB.
constexpr uint64_t kMinRecordBytes = 64 * kKiB;
constexpr uint64_t kMaxRecordBytes = kGiB;
constexpr uint64_t kUsualRecordBytes = 16 * kMiB;
// A component with its stack, its library and one batch does not fit into less.
constexpr uint64_t kMinMemory = 16 * kMiB;
// 32-bit WebAssembly cannot address more.
constexpr uint64_t kMaxMemory = 4 * kGiB;
constexpr uint32_t kMaxRetries = 100;
constexpr uint64_t kSecondsOfDay = 86'400;
// A terabyte in one transaction is a mistake in the unit.
constexpr uint64_t kMaxCheckpointBytes = 1024 * kGiB;

class Validator {
 public:
  Validator(const PipelineConfig& config, const Locate& locate) : config_(config), locate_(locate) {}

  Validation run() {
    check_head();
    check_use("/source", config_.source);
    for (size_t i = 0; i < config_.transforms.size(); ++i)
      check_use(fmt::format("/transforms/{}", i), config_.transforms[i]);
    check_use("/destination", config_.destination);
    check_key_columns("/destination/primary_key", config_.destination.primary_key);
    check_streams();
    check_keys_for_upsert();
    check_dlq();
    check_batches_and_memory();
    check_checkpoints();
    check_limits();
    return std::move(found_);
  }

 private:
  Problem make(std::string_view pointer, std::string message) {
    return {locate_(pointer).value_or(SourceLocation()), key_path_of_pointer(pointer), std::move(message)};
  }
  void refuse(std::string_view pointer, std::string message) {
    found_.problems.push_back(make(pointer, std::move(message)));
  }
  void warn(std::string_view pointer, std::string message) {
    found_.warnings.push_back(make(pointer, std::move(message)));
  }

  void check_head() {
    if (!config_.version.empty() && config_.version != kVersion) {
      refuse("/version",
             fmt::format("'{}' is not a version this program knows; write \"1.0\"", printable(config_.version)));
    }
    const std::string& name = config_.name;
    const auto allowed = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
             c == '.';
    };
    if (!name.empty() && (name.size() > kMaxPipelineNameBytes || !std::all_of(name.begin(), name.end(), allowed) ||
                          name.front() == '.' || name.front() == '-')) {
      refuse("/pipeline",
             fmt::format("'{}' cannot be a name, because it is part of file names; use letters, digits, _, - and ., "
                         "not beginning with - or ., at most {} of them",
                         printable(name), kMaxPipelineNameBytes));
    }
  }

  void check_use(const std::string& pointer, const ConnectorUse& use) {
    const bool control = std::any_of(use.use.begin(), use.use.end(),
                                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    // The path of a component may hold spaces, a reference may not.
    const bool path = use.use.ends_with(".wasm") || use.use.ends_with(".manifest.json");
    if (control || (use.use.find(' ') != std::string::npos && !path)) {
      refuse(pointer + "/use",
             fmt::format("'{}' holds spaces or control characters; write it like rapidbyte/source-file@v0.1.0",
                         printable(use.use)));
    }
    for (size_t i = 0; i < use.allow_env.size(); ++i) {
      if (is_env_name(use.allow_env[i])) continue;
      refuse(fmt::format("{}/permissions/env/{}", pointer, i),
             fmt::format("'{}' is not the name of an environment variable; write the name only, without $ or value",
                         printable(use.allow_env[i])));
    }
    for (size_t i = 0; i < use.read_write_preopens.size(); ++i) {
      if (!use.read_write_preopens[i].empty()) continue;
      refuse(fmt::format("{}/permissions/read_write_preopens/{}", pointer, i), "is empty; name the folder");
    }
  }

  void check_key_columns(const std::string& pointer, const std::vector<std::string>& columns) {
    std::set<std::string_view> seen;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].empty()) refuse(fmt::format("{}/{}", pointer, i), "is empty; name a column");
      if (!seen.insert(columns[i]).second) {
        refuse(fmt::format("{}/{}", pointer, i),
               fmt::format("names column {} twice; remove one", printable(columns[i])));
      }
    }
  }

  void check_streams() {
    std::map<std::string_view, size_t> first;
    for (size_t i = 0; i < config_.source.streams.size(); ++i) {
      const StreamConfig& stream = config_.source.streams[i];
      const std::string pointer = fmt::format("/source/streams/{}", i);
      check_stream_name(pointer + "/name", stream.name);
      if (!stream.name.empty()) {
        const auto [at, fresh] = first.emplace(stream.name, i);
        if (!fresh) {
          refuse(pointer + "/name",
                 fmt::format("stream {} is listed twice, first in line {}; remove one, or give it another name",
                             printable(stream.name), config_.source.streams[at->second].location.line));
        }
      }
      check_key_columns(pointer + "/primary_key", stream.primary_key);
      check_sync_mode(pointer, stream);
    }
  }

  void check_stream_name(const std::string& pointer, const std::string& name) {
    const bool control =
        std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    if (control || name.size() > kMaxStreamNameBytes) {
      refuse(pointer, fmt::format("'{}' cannot be a stream's name: no control characters, at most {} bytes",
                                  printable(name), kMaxStreamNameBytes));
    }
  }

  void check_sync_mode(const std::string& pointer, const StreamConfig& stream) {
    const bool cursor = stream.cursor_field && !stream.cursor_field->empty();
    if (stream.cursor_field && !cursor) refuse(pointer + "/cursor_field", "is empty; name a column");
    if (stream.sync_mode == SyncMode::kIncremental && !stream.cursor_field) {
      refuse(pointer + "/cursor_field",
             "is missing; incremental reads continue after the highest value of a column whose values only grow: name "
             "it, for example cursor_field: updated_at");
    }
    if (stream.sync_mode == SyncMode::kFullRefresh && cursor) {
      warn(pointer + "/cursor_field",
           "is not used by full_refresh; write sync_mode: incremental to read new rows only");
    }
    if (stream.sync_mode == SyncMode::kIncremental &&
        effective_write_mode(stream, config_.destination) == WriteMode::kReplace) {
      refuse(pointer + "/sync_mode",
             "incremental cannot be written with write_mode replace: the table would hold only the rows of "
             "the last run; use append or upsert, or sync_mode: full_refresh");
    }
  }

  void check_keys_for_upsert() {
    const DestinationConfig& dest = config_.destination;
    bool used = config_.source.streams.empty() && dest.write_mode == WriteMode::kUpsert;
    bool missing_for_destination = used && dest.primary_key.empty();
    for (size_t i = 0; i < config_.source.streams.size(); ++i) {
      const StreamConfig& stream = config_.source.streams[i];
      const bool upsert = effective_write_mode(stream, dest) == WriteMode::kUpsert;
      const std::string pointer = fmt::format("/source/streams/{}", i);
      if (!upsert && !stream.primary_key.empty()) {
        warn(pointer + "/primary_key", fmt::format("is not used by write_mode {}; upsert uses it",
                                                   to_string(effective_write_mode(stream, dest))));
      }
      if (!upsert) continue;
      if (stream.primary_key.empty()) used = true;
      if (!effective_primary_key(stream, dest).empty()) continue;
      if (stream.write_mode) {
        refuse(pointer + "/primary_key",
               "is missing; upsert finds the row to update by it, for example primary_key: [id]");
      } else {
        missing_for_destination = true;
      }
    }
    if (missing_for_destination) {
      refuse("/destination/primary_key",
             "is missing; write_mode upsert finds the row to update by it, for example primary_key: [id] "
             "(here for all streams, or at each stream)");
    }
    if (!used && !dest.primary_key.empty())
      warn("/destination/primary_key", "is not used; only write_mode upsert uses it");
  }

  void check_dlq() {
    const DlqConfig& dlq = config_.dlq;
    if (config_.destination.on_data_error == OnDataError::kDlq) {
      if (dlq.max_bytes < kKiB) {
        refuse("/dlq/max_bytes",
               fmt::format("{} bytes cannot hold a rejected record; give at least 1kb, or set on_data_error: fail",
                           dlq.max_bytes));
      }
    } else if (!dlq.path.empty() && config_.transforms.empty()) {
      // A transform may have rules of its own for rows that it rejects.
      warn("/dlq", fmt::format("is not used, because on_data_error is {}; write on_data_error: dlq under destination",
                               to_string(config_.destination.on_data_error)));
    }
    if (!dlq.path.empty() && dlq.path == config_.state.connection) {
      refuse("/dlq/path", "is the state's file, which rejected records would destroy; name another file");
    }
    for (const auto& [pointer, path] :
         {std::pair("/dlq/path", dlq.path), std::pair("/state/connection", config_.state.connection)}) {
      if (!path.empty() && path == config_.file) refuse(pointer, "is the pipeline file itself; name another file");
    }
  }

  void check_range(std::string_view pointer, uint64_t value, uint64_t least, uint64_t most, std::string_view why) {
    if (value >= least && value <= most) return;
    refuse(pointer, fmt::format("{} is outside {} to {}: {}", value, least, most, why));
  }

  void check_size_range(std::string_view pointer, uint64_t value, uint64_t least, uint64_t most, std::string_view why) {
    if (value >= least && value <= most) return;
    refuse(pointer,
           fmt::format("{} is outside {} to {}: {}", shown_size(value), shown_size(least), shown_size(most), why));
  }

  static std::string shown_size(uint64_t bytes) {
    for (const auto& [unit, name] : {std::pair(kGiB, "gb"), std::pair(kMiB, "mb"), std::pair(kKiB, "kb")}) {
      if (bytes >= unit && bytes % unit == 0) return fmt::format("{}{}", bytes / unit, name);
    }
    return fmt::format("{} bytes", bytes);
  }

  void check_batches_and_memory() {
    const Resources& r = config_.resources;
    check_size_range("/resources/max_batch_bytes", r.max_batch_bytes, kMinBatchBytes, kMaxBatchBytes,
                     "256kb keeps batches in the processor's cache");
    check_size_range("/resources/max_record_bytes", r.max_record_bytes, kMinRecordBytes, kMaxRecordBytes,
                     "a record is held in memory several times over");
    // As read, as columns and as a batch; buffers double while they grow.
    if (r.max_record_bytes > kUsualRecordBytes && r.max_record_bytes <= kMaxRecordBytes &&
        r.max_record_bytes > r.max_memory / 4) {
      warn("/resources/max_record_bytes",
           fmt::format("{} is more than a quarter of max_memory ({}), so that a connector may run out of memory",
                       shown_size(r.max_record_bytes), shown_size(r.max_memory)));
    }
    check_range("/resources/max_inflight_batches", r.max_inflight_batches, 1, kMaxInflightBatches,
                "each waiting batch takes memory, and at least one must be able to move");
    check_size_range("/resources/max_memory", r.max_memory, kMinMemory, kMaxMemory,
                     "a connector needs 16mb to run, and cannot use more than 4gb");
    // A connector holds a batch as columns, as bytes and in its database's form.
    if (r.max_memory >= kMinMemory && r.max_batch_bytes <= kMaxBatchBytes && r.max_batch_bytes > r.max_memory / 4) {
      warn("/resources/max_batch_bytes",
           fmt::format("{} is more than a quarter of max_memory ({}), so that a connector may run out of memory",
                       shown_size(r.max_batch_bytes), shown_size(r.max_memory)));
    }
  }

  void check_checkpoints() {
    const Resources& r = config_.resources;
    if (r.checkpoint_interval_bytes == 0 && r.checkpoint_interval_rows == 0 && r.checkpoint_interval_seconds == 0) {
      refuse("/resources/checkpoint_interval_bytes",
             "all checkpoint intervals are 0, so nothing would be committed before the end and a failed run would "
             "start over; set one, for example checkpoint_interval_bytes: 64mb");
    }
    check_size_range("/resources/checkpoint_interval_bytes", r.checkpoint_interval_bytes, 0, kMaxCheckpointBytes,
                     "with fewer checkpoints a failed run repeats too much");
    check_range("/resources/checkpoint_interval_seconds", r.checkpoint_interval_seconds, 0, kSecondsOfDay,
                "with fewer checkpoints than one a day a failed run repeats too much");
  }

  void check_limits() {
    const Resources& r = config_.resources;
    check_range("/resources/parallelism", r.parallelism, 0, kMaxParallelism,
                "it is the number of concurrent streams; 0 chooses by cores");
    check_range("/resources/max_retries", r.max_retries, 0, kMaxRetries,
                "retries wait longer each time, up to a minute");
    check_range("/resources/guest_timeout_seconds", r.guest_timeout_seconds, 1, kSecondsOfDay,
                "it is how long a connector may go without progress before it is stopped");
  }

  const PipelineConfig& config_;
  const Locate& locate_;
  Validation found_;
};

}  // namespace

WriteMode effective_write_mode(const StreamConfig& stream, const DestinationConfig& destination) {
  return stream.write_mode.value_or(destination.write_mode);
}

const std::vector<std::string>& effective_primary_key(const StreamConfig& stream,
                                                      const DestinationConfig& destination) {
  return stream.primary_key.empty() ? destination.primary_key : stream.primary_key;
}

Validation validate_pipeline(const PipelineConfig& config, const Locate& locate) {
  return Validator(config, locate).run();
}

}  // namespace rapidbyte::pipeline
