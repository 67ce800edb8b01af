#include "rapidbyte/pipeline/types.h"

namespace rapidbyte::pipeline {

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
