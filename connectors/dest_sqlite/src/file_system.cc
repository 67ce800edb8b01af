#include "src/file_system.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

namespace rapidbyte::dest_sqlite {
namespace {

// One call out of the sandbox moves at most 64 KiB, so a larger buffer would not save calls.
constexpr int kWriteBuffer = 64 * 1024;
constexpr int kMaxPath = 4096;

struct File {
  sqlite3_file base;
  int fd;
  bool is_database;
  bool directory_unsynced;  // created, and its directory entry may not be on disk yet
  std::string* path;
  uint8_t* buffer;  // bytes [buffer_at, buffer_at + buffered) of the file that are not written yet
  sqlite3_int64 buffer_at;
  int buffered;
};

// The database's own path, followed by `-tmp-`. In the database's folder the sandbox shows the database, its journal,
// and files with this name plus 16 hexadecimal digits.
std::string& temp_prefix() {
  static std::string prefix;
  return prefix;
}

File* self(sqlite3_file* file) { return reinterpret_cast<File*>(file); }

// A limit on the size of files is equivalent to a full disk.
bool is_full() { return errno == ENOSPC || errno == EDQUOT || errno == EFBIG; }

int write_error() { return is_full() ? SQLITE_FULL : SQLITE_IOERR_WRITE; }

int write_all(int fd, const uint8_t* data, int amount, sqlite3_int64 offset) {
  while (amount > 0) {
    const ssize_t n = pwrite(fd, data, static_cast<size_t>(amount), static_cast<off_t>(offset));
    if (n < 0) {
      if (errno == EINTR) continue;
      return write_error();
    }
    if (n == 0) return SQLITE_FULL;
    data += n;
    offset += n;
    amount -= static_cast<int>(n);
  }
  return SQLITE_OK;
}

int flush(File* file) {
  if (file->buffered == 0) return SQLITE_OK;
  const int rc = write_all(file->fd, file->buffer, file->buffered, file->buffer_at);
  // Dropped on failure, too: SQLite learns of it and rolls back, which must not meet the same bytes again.
  file->buffered = 0;
  return rc;
}

int sync_directory(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SQLITE_OK;  // As SQLite itself: some file systems do not let a directory be opened.
  const int rc = fsync(fd) == 0 || errno == EINVAL || errno == EBADF ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
  close(fd);
  return rc;
}

int file_close(sqlite3_file* base) {
  File* file = self(base);
  int rc = flush(file);
  if (close(file->fd) != 0 && rc == SQLITE_OK) rc = SQLITE_IOERR_CLOSE;
  delete file->path;
  std::free(file->buffer);
  file->path = nullptr;
  file->buffer = nullptr;
  file->fd = -1;
  return rc;
}

int file_read(sqlite3_file* base, void* out, int amount, sqlite3_int64 offset) {
  File* file = self(base);
  if (file->buffered != 0 && offset < file->buffer_at + file->buffered && file->buffer_at < offset + amount) {
    const int rc = flush(file);
    if (rc != SQLITE_OK) return rc;
  }
  auto* to = static_cast<uint8_t*>(out);
  int done = 0;
  while (done < amount) {
    const ssize_t n = pread(file->fd, to + done, static_cast<size_t>(amount - done), static_cast<off_t>(offset + done));
    if (n < 0) {
      if (errno == EINTR) continue;
      return SQLITE_IOERR_READ;
    }
    if (n > 0) {
      done += static_cast<int>(n);
    } else if (file->buffered != 0) {
      // The current end of the file; unwritten bytes may lie beyond it, after a gap that reads as zeros.
      const int rc = flush(file);
      if (rc != SQLITE_OK) return rc;
    } else {
      break;
    }
  }
  if (done == amount) return SQLITE_OK;
  std::memset(to + done, 0, static_cast<size_t>(amount - done));  // SQLite asks for this on a short read.
  return SQLITE_IOERR_SHORT_READ;
}

int file_write(sqlite3_file* base, const void* data, int amount, sqlite3_int64 offset) {
  File* file = self(base);
  if (file->buffered != 0 && (offset != file->buffer_at + file->buffered || file->buffered + amount > kWriteBuffer)) {
    const int rc = flush(file);
    if (rc != SQLITE_OK) return rc;
  }
  if (amount >= kWriteBuffer) return write_all(file->fd, static_cast<const uint8_t*>(data), amount, offset);
  if (file->buffer == nullptr) {
    file->buffer = static_cast<uint8_t*>(std::malloc(kWriteBuffer));
    if (file->buffer == nullptr) return SQLITE_IOERR_NOMEM;
  }
  if (file->buffered == 0) file->buffer_at = offset;
  std::memcpy(file->buffer + file->buffered, data, static_cast<size_t>(amount));
  file->buffered += amount;
  return SQLITE_OK;
}

int file_truncate(sqlite3_file* base, sqlite3_int64 size) {
  const int rc = flush(self(base));
  if (rc != SQLITE_OK) return rc;
  return ftruncate(self(base)->fd, static_cast<off_t>(size)) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

int file_sync(sqlite3_file* base, int flags) {
  File* file = self(base);
  const int rc = flush(file);
  if (rc != SQLITE_OK) return rc;
  const bool data_only = (flags & SQLITE_SYNC_DATAONLY) != 0;
  if ((data_only ? fdatasync(file->fd) : fsync(file->fd)) != 0) return SQLITE_IOERR_FSYNC;
  if (file->directory_unsynced) {
    const int directory_rc = sync_directory(*file->path);
    if (directory_rc != SQLITE_OK) return directory_rc;
    file->directory_unsynced = false;
  }
  return SQLITE_OK;
}

int file_size(sqlite3_file* base, sqlite3_int64* size) {
  const int rc = flush(self(base));
  if (rc != SQLITE_OK) return rc;
  struct stat info;
  if (fstat(self(base)->fd, &info) != 0) return SQLITE_IOERR_FSTAT;
  *size = info.st_size;
  return SQLITE_OK;
}

int file_lock(sqlite3_file*, int) { return SQLITE_OK; }

int file_check_reserved_lock(sqlite3_file*, int* reserved) {
  *reserved = 0;
  return SQLITE_OK;
}

int file_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int file_sector_size(sqlite3_file*) { return 4096; }

// What SQLite's own VFS reports for this kind of file system, too.
int file_device_characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_SUBPAGE_READ; }

const sqlite3_io_methods& io_methods() {
  static const sqlite3_io_methods methods = [] {
    sqlite3_io_methods m{};
    m.iVersion = 1;  // No shared memory: databases in WAL mode are opened in exclusive mode.
    m.xClose = file_close;
    m.xRead = file_read;
    m.xWrite = file_write;
    m.xTruncate = file_truncate;
    m.xSync = file_sync;
    m.xFileSize = file_size;
    m.xLock = file_lock;
    m.xUnlock = file_lock;
    m.xCheckReservedLock = file_check_reserved_lock;
    m.xFileControl = file_control;
    m.xSectorSize = file_sector_size;
    m.xDeviceCharacteristics = file_device_characteristics;
    return m;
  }();
  return methods;
}

// Files beside a database hold its data, so they get its permissions (SQLite's own rule). WASI has no permissions.
mode_t mode_of_new_file(const char* name, int flags) {
  if ((flags & SQLITE_OPEN_DELETEONCLOSE) != 0) return 0600;
  if ((flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) == 0) return 0644;
  std::string database(name);
  database.resize(database.rfind('-') == std::string::npos ? database.size() : database.rfind('-'));
  struct stat info;
  return stat(database.c_str(), &info) == 0 ? info.st_mode & 0777 : 0644;
}

std::string temp_name() {
  uint64_t random = 0;
  sqlite3_randomness(sizeof(random), &random);
  static const char digits[] = "0123456789abcdef";
  std::string name = temp_prefix();
  for (int i = 0; i < 16; ++i, random >>= 4U) name += digits[random & 15U];
  return name;
}

int vfs_open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* base, int flags, int* out_flags) {
  File* file = self(base);
  std::memset(static_cast<void*>(file), 0, sizeof(File));
  file->fd = -1;
  const std::string path = name != nullptr ? std::string(name) : temp_name();
  int open_flags = O_CLOEXEC | O_NOFOLLOW;
  open_flags |= (flags & SQLITE_OPEN_READWRITE) != 0 ? O_RDWR : O_RDONLY;
  if ((flags & SQLITE_OPEN_CREATE) != 0) open_flags |= O_CREAT;
  if ((flags & SQLITE_OPEN_EXCLUSIVE) != 0) open_flags |= O_EXCL;
  const mode_t mode = mode_of_new_file(path.c_str(), flags);
  int fd = -1;
  do {
    fd = open(path.c_str(), open_flags, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0 && (flags & SQLITE_OPEN_READWRITE) != 0 && (errno == EACCES || errno == EROFS || errno == EPERM)) {
    if ((flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0) {
      struct stat info;
      if (stat(path.c_str(), &info) != 0) return SQLITE_READONLY_DIRECTORY;
    }
    flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  }
  if (fd < 0) return is_full() ? SQLITE_FULL : SQLITE_CANTOPEN;
  if ((flags & SQLITE_OPEN_DELETEONCLOSE) != 0) unlink(path.c_str());
  file->path = new (std::nothrow) std::string(path);
  if (file->path == nullptr) {
    close(fd);
    return SQLITE_NOMEM;
  }
  file->fd = fd;
  file->is_database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
  file->directory_unsynced = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & SQLITE_OPEN_DELETEONCLOSE) == 0;
  if (file->is_database) temp_prefix() = path + "-tmp-";
  if (out_flags != nullptr) *out_flags = flags;
  file->base.pMethods = &io_methods();
  return SQLITE_OK;
}

int vfs_delete(sqlite3_vfs*, const char* name, int sync) {
  if (unlink(name) != 0) return errno == ENOENT ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
  return sync != 0 ? sync_directory(name) : SQLITE_OK;
}

int vfs_access(sqlite3_vfs*, const char* name, int what, int* result) {
  struct stat info;
  if (what == SQLITE_ACCESS_EXISTS) {
    // An empty file counts as absent: an empty journal holds nothing to roll back.
    *result = stat(name, &info) == 0 && (!S_ISREG(info.st_mode) || info.st_size > 0) ? 1 : 0;
  } else {
    *result = access(name, R_OK | W_OK) == 0 ? 1 : 0;
  }
  return SQLITE_OK;
}

int vfs_full_pathname(sqlite3_vfs*, const char* name, int size, char* out) {
  // The host passes absolute paths without links; resolving their parts would leave the sandbox's folder.
  const size_t length = std::strlen(name);
  if (length >= static_cast<size_t>(size)) return SQLITE_CANTOPEN;
  std::memcpy(out, name, length + 1);
  return SQLITE_OK;
}

int vfs_randomness(sqlite3_vfs*, int size, char* out) {
  for (int done = 0; done < size; done += 256) {  // getentropy's limit
    if (getentropy(out + done, static_cast<size_t>(std::min(size - done, 256))) != 0) return done;
  }
  return size;
}

int vfs_sleep(sqlite3_vfs*, int microseconds) {
  usleep(static_cast<useconds_t>(microseconds));
  return microseconds;
}

int vfs_current_time(sqlite3_vfs*, sqlite3_int64* julian_milliseconds) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  constexpr sqlite3_int64 kUnixEpoch = 24405875 * sqlite3_int64{8640000};
  *julian_milliseconds = kUnixEpoch + sqlite3_int64{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
  return SQLITE_OK;
}

int vfs_current_time_double(sqlite3_vfs* vfs, double* julian_days) {
  sqlite3_int64 milliseconds = 0;
  vfs_current_time(vfs, &milliseconds);
  *julian_days = static_cast<double>(milliseconds) / 86400000.0;
  return SQLITE_OK;
}

int vfs_last_error(sqlite3_vfs*, int, char*) { return errno; }

}  // namespace

int register_file_system() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs v{};
    v.iVersion = 2;
    v.szOsFile = sizeof(File);
    v.mxPathname = kMaxPath;
    v.zName = "rapidbyte";
    v.xOpen = vfs_open;
    v.xDelete = vfs_delete;
    v.xAccess = vfs_access;
    v.xFullPathname = vfs_full_pathname;
    v.xRandomness = vfs_randomness;
    v.xSleep = vfs_sleep;
    v.xCurrentTime = vfs_current_time_double;
    v.xGetLastError = vfs_last_error;
    v.xCurrentTimeInt64 = vfs_current_time;
    return v;
  }();
  return sqlite3_vfs_register(&vfs, 1);
}

bool is_in_place(sqlite3* connection) {
  sqlite3_file* base = nullptr;
  if (sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &base) != SQLITE_OK) return false;
  const File* file = self(base);
  struct stat opened;
  struct stat named;
  if (fstat(file->fd, &opened) != 0 || lstat(file->path->c_str(), &named) != 0) return false;
  return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace rapidbyte::dest_sqlite

// Called by SQLite in a build without its own operating system layer.
extern "C" int sqlite3_os_init() { return rapidbyte::dest_sqlite::register_file_system(); }
extern "C" int sqlite3_os_end() { return SQLITE_OK; }
