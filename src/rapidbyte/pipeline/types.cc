#include "rapidbyte/pipeline/types.h"

namespace rapidbyte::pipeline {

std::string_view to_string(SyncMode value) {
  switch (value) {
    case SyncMode::kFullRefresh: return "full_refresh";
    case SyncMode::kIncremental: return "incremental";
    case SyncMode::kCdc: return "cdc";
  }
  return "full_refresh";
}

std::string_view to_string(WriteMode value) {
  switch (value) {
    case WriteMode::kAppend: return "append";
    case WriteMode::kReplace: return "replace";
    case WriteMode::kUpsert: return "upsert";
  }
  return "append";
}

std::string_view to_string(OnDataError value) {
  switch (value) {
    case OnDataError::kFail: return "fail";
    case OnDataError::kSkip: return "skip";
    case OnDataError::kDlq: return "dlq";
  }
  return "fail";
}

std::string_view to_string(NewColumn value) {
  switch (value) {
    case NewColumn::kAdd: return "add";
    case NewColumn::kIgnore: return "ignore";
    case NewColumn::kFail: return "fail";
  }
  return "fail";
}

std::string_view to_string(RemovedColumn value) {
  switch (value) {
    case RemovedColumn::kIgnore: return "ignore";
    case RemovedColumn::kFail: return "fail";
  }
  return "fail";
}

std::string_view to_string(TypeChange value) {
  switch (value) {
    case TypeChange::kCoerce: return "coerce";
    case TypeChange::kFail: return "fail";
    case TypeChange::kNull: return "null";
  }
  return "fail";
}

std::string_view to_string(NullabilityChange value) {
  switch (value) {
    case NullabilityChange::kAllow: return "allow";
    case NullabilityChange::kFail: return "fail";
  }
  return "fail";
}

std::string_view to_string(Compression value) {
  switch (value) {
    case Compression::kNone: return "none";
    case Compression::kLz4: return "lz4";
    case Compression::kZstd: return "zstd";
  }
  return "none";
}

std::string_view to_string(OnStreamError value) {
  switch (value) {
    case OnStreamError::kContinue: return "continue";
    case OnStreamError::kStop: return "stop";
  }
  return "continue";
}

}  // namespace rapidbyte::pipeline
