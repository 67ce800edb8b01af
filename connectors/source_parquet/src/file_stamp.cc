#include "connectors/source_parquet/src/file_stamp.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_parquet {

sdk::Result<FileStamp> FileStamp::of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0)
    return sdk::config_error(codes::kFileOpenFailed, "file '" + path + "': " + std::strerror(errno));
  return FileStamp{static_cast<uint64_t>(info.st_size), static_cast<int64_t>(info.st_mtim.tv_sec),
                   static_cast<int64_t>(info.st_mtim.tv_nsec)};
}

}  // namespace rapidbyte::source_parquet
