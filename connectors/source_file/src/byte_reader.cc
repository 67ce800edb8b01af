#include "byte_reader.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_file {

namespace {

using sdk::Result;
using sdk::Status;

// Large enough that a read takes few system calls, small enough to stay in cache.
constexpr size_t kCompressedChunk = size_t{128} * 1024;

Status corrupt(const FileWatch& file, std::string_view how, std::string_view what) {
  return file.explain(sdk::data_error(codes::kCompressedDataCorrupt, "file '" + file.name() + "' is not valid " +
                                                                         std::string(how) + ": " + std::string(what) +
                                                                         "; make or copy the file again"));
}

Status truncated(const FileWatch& file, std::string_view how) {
  return file.explain(
      sdk::data_error(codes::kCompressedDataTruncated,
                      "file '" + file.name() + "' ends in the middle of its " + std::string(how) +
                          " data; it was probably not written or copied completely: make or copy it again"));
}

class PlainReader : public ByteReader {
 public:
  /// Owns `fd`.
  PlainReader(int fd, FileWatch watch) : fd_(fd), watch_(std::move(watch)), left_(watch_.size()) {}
  PlainReader(const PlainReader&) = delete;
  PlainReader& operator=(const PlainReader&) = delete;
  ~PlainReader() override { ::close(fd_); }

  Result<size_t> read(char* out, size_t capacity) override {
    if (head_ < head_size_) {
      const size_t count = capacity < head_size_ - head_ ? capacity : head_size_ - head_;
      std::memcpy(out, first_bytes_ + head_, count);
      head_ += count;
      return count;
    }
    return read_file(out, capacity);
  }

  /// The first (up to 4) bytes, which read() will deliver again.
  Result<std::string_view> peek() {
    while (head_size_ < sizeof(first_bytes_)) {
      RB_SDK_ASSIGN_OR_RETURN(const size_t count,
                              read_file(first_bytes_ + head_size_, sizeof(first_bytes_) - head_size_));
      if (count == 0) break;
      head_size_ += count;
    }
    return std::string_view(first_bytes_, head_size_);
  }

  Status rewind() override {
    if (::lseek(fd_, 0, SEEK_SET) != 0) return failed();
    left_ = watch_.size();
    head_ = head_size_ = 0;
    return {};
  }

  [[nodiscard]] const FileWatch& watch() const override { return watch_; }

 private:
  Result<size_t> read_file(char* out, size_t capacity) {
    if (left_ == 0) return size_t{0};
    const size_t wanted = left_ < capacity ? static_cast<size_t>(left_) : capacity;
    while (true) {
      const ssize_t count = ::read(fd_, out, wanted);
      if (count == 0) {
        return watch_.changed("it was " + std::to_string(watch_.size()) + " bytes long, and after " +
                              std::to_string(watch_.size() - left_) + " of them there was no more");
      }
      if (count > 0) {
        left_ -= static_cast<uint64_t>(count);
        return static_cast<size_t>(count);
      }
      if (errno != EINTR) return failed();
    }
  }

  [[nodiscard]] Status failed() const {
    return sdk::make_error(sdk::ErrorCategory::kData, codes::kFileReadFailed,
                           "cannot read file '" + watch_.name() + "': " + std::strerror(errno));
  }

  int fd_;
  FileWatch watch_;
  uint64_t left_;  // of the bytes that were there when it was opened
  char first_bytes_[4] = {};
  size_t head_ = 0;
  size_t head_size_ = 0;
};

class GzipReader : public ByteReader {
 public:
  explicit GzipReader(std::unique_ptr<PlainReader> file) : file_(std::move(file)), in_(kCompressedChunk) {}
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;
  ~GzipReader() override {
    if (ready_) inflateEnd(&stream_);
  }

  Result<size_t> read(char* out, size_t capacity) override {
    if (!ready_) {
      // 15 bits of window, plus 16: gzip with its header and checksum.
      if (inflateInit2(&stream_, 15 + 16) != Z_OK) return sdk::internal_error(codes::kOutOfMemory, "zlib cannot start");
      ready_ = true;
    }
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(capacity < (size_t{1} << 30U) ? capacity : size_t{1} << 30U);
    const uInt wanted = stream_.avail_out;
    while (stream_.avail_out == wanted) {
      if (stream_.avail_in == 0 && !file_ended_) {
        RB_SDK_ASSIGN_OR_RETURN(const size_t count, file_->read(in_.data(), in_.size()));
        file_ended_ = count == 0;
        stream_.next_in = reinterpret_cast<Bytef*>(in_.data());
        stream_.avail_in = static_cast<uInt>(count);
      }
      if (between_members_) {
        // Tapes and some tools pad with zeros after the last member.
        while (stream_.avail_in != 0 && *stream_.next_in == 0) {
          padding_ = true;
          ++stream_.next_in;
          --stream_.avail_in;
        }
        if (stream_.avail_in == 0) {
          if (file_ended_) return size_t{0};
          continue;
        }
        if (padding_) return corrupt(file_->watch(), "gzip", "there is other data after its end");
        inflateReset(&stream_);
        between_members_ = false;
      }
      if (stream_.avail_in == 0 && file_ended_) return truncated(file_->watch(), "gzip");
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        between_members_ = true;
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return corrupt(file_->watch(), "gzip", stream_.msg != nullptr ? stream_.msg : "unknown error");
      }
    }
    return static_cast<size_t>(wanted - stream_.avail_out);
  }

  Status rewind() override {
    if (ready_) inflateReset(&stream_);
    stream_.avail_in = 0;
    file_ended_ = between_members_ = padding_ = false;
    return file_->rewind();
  }

  [[nodiscard]] const FileWatch& watch() const override { return file_->watch(); }

 private:
  std::unique_ptr<PlainReader> file_;
  std::vector<char> in_;
  z_stream stream_ = {};
  bool ready_ = false;
  bool file_ended_ = false;
  bool between_members_ = false;
  bool padding_ = false;
};

class ZstdReader : public ByteReader {
 public:
  explicit ZstdReader(std::unique_ptr<PlainReader> file)
      : file_(std::move(file)), in_(kCompressedChunk), stream_(ZSTD_createDStream()) {}
  ZstdReader(const ZstdReader&) = delete;
  ZstdReader& operator=(const ZstdReader&) = delete;
  ~ZstdReader() override { ZSTD_freeDStream(stream_); }

  Result<size_t> read(char* out, size_t capacity) override {
    if (stream_ == nullptr) return sdk::internal_error(codes::kOutOfMemory, "zstd cannot start");
    ZSTD_outBuffer output{out, capacity, 0};
    while (output.pos == 0) {
      if (input_.pos == input_.size && !file_ended_) {
        RB_SDK_ASSIGN_OR_RETURN(const size_t count, file_->read(in_.data(), in_.size()));
        file_ended_ = count == 0;
        input_ = ZSTD_inBuffer{in_.data(), count, 0};
      }
      if (input_.pos == input_.size && file_ended_ && at_frame_end_) return size_t{0};
      const size_t in_before = input_.pos;
      const size_t code = ZSTD_decompressStream(stream_, &output, &input_);
      if (ZSTD_isError(code) != 0) return corrupt(file_->watch(), "zstd", ZSTD_getErrorName(code));
      at_frame_end_ = code == 0;
      if (file_ended_ && !at_frame_end_ && output.pos == 0 && input_.pos == in_before) {
        return truncated(file_->watch(), "zstd");
      }
    }
    return output.pos;
  }

  Status rewind() override {
    ZSTD_DCtx_reset(stream_, ZSTD_reset_session_only);
    input_ = ZSTD_inBuffer{nullptr, 0, 0};
    file_ended_ = at_frame_end_ = false;
    return file_->rewind();
  }

  [[nodiscard]] const FileWatch& watch() const override { return file_->watch(); }

 private:
  std::unique_ptr<PlainReader> file_;
  std::vector<char> in_;
  ZSTD_DStream* stream_;
  ZSTD_inBuffer input_ = {nullptr, 0, 0};
  bool file_ended_ = false;
  bool at_frame_end_ = false;
};

bool is_gzip(std::string_view head) { return head.substr(0, 2) == "\x1f\x8b"; }
bool is_zstd(std::string_view head) {
  // A frame, or one of the 16 kinds of skippable frames.
  return head.size() == 4 && (head == "\x28\xB5\x2F\xFD" || ((static_cast<unsigned char>(head[0]) & 0xF0U) == 0x50 &&
                                                             head.substr(1) == "\x2A\x4D\x18"));
}

// The four bytes are at both ends of a Parquet file; at the beginning alone they may be a column's name.
bool is_parquet(std::string_view head, int fd, uint64_t size) {
  std::array<char, 4> tail{};
  return head == "PAR1" && size >= 12 && pread(fd, tail.data(), tail.size(), static_cast<off_t>(size - 4)) == 4 &&
         std::string_view(tail.data(), tail.size()) == "PAR1";
}

Status mismatch(const std::string& name, std::string_view how) {
  return sdk::config_error(codes::kCompressionMismatch,
                           "file '" + name + "' is named as " + std::string(how) +
                               " but does not begin like it; give it the name of what it is, or "
                               "compress it again");
}

}  // namespace

Result<std::unique_ptr<ByteReader>> open_byte_reader(const std::string& path, const std::string& shown_name) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) {
      return sdk::config_error(codes::kFileNotFound,
                               "file '" + shown_name + "' does not exist in the configured folder");
    }
    return sdk::config_error(codes::kFileOpenFailed, "cannot open file '" + shown_name + "': " + std::strerror(errno));
  }
  auto watch = FileWatch::begin(fd, path, shown_name);
  if (!watch.ok()) {
    ::close(fd);
    return std::move(watch).status();
  }
  auto file = std::make_unique<PlainReader>(fd, std::move(*watch));
  RB_SDK_ASSIGN_OR_RETURN(const std::string_view head, file->peek());
  if (is_parquet(head, fd, file->watch().size())) {
    return sdk::config_error(codes::kFormatUnknown, "file '" + shown_name +
                                                        "' is a Parquet file, which source-file does not read; use "
                                                        "rapidbyte/source-parquet");
  }
  if (is_gzip(head)) return std::unique_ptr<ByteReader>(std::make_unique<GzipReader>(std::move(file)));
  if (is_zstd(head)) return std::unique_ptr<ByteReader>(std::make_unique<ZstdReader>(std::move(file)));
  if (shown_name.ends_with(".gz")) return mismatch(shown_name, "gzip");
  if (shown_name.ends_with(".zst")) return mismatch(shown_name, "zstd");
  return std::unique_ptr<ByteReader>(std::move(file));
}

}  // namespace rapidbyte::source_file
