#pragma once
// What a guest can try with its files, as a script of the test: commands between semicolons, their arguments between
// blanks. In an argument @ is the path that the host gave, ^ the folder of that path. The answer has a line for each
// command: what was read, "ok", or the C library's error. A test guest uses the plain C library, which reaches
// wasi:filesystem through the preview1 adapter.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "command_script.h"

inline std::string file_command(const std::vector<std::string>& words) {
  const auto said = [](int rc) { return std::string(rc == 0 ? "ok" : std::strerror(errno)); };
  const std::string& command = words[0];
  const char* a = words.size() > 1 ? words[1].c_str() : "";
  const char* b = words.size() > 2 ? words[2].c_str() : "";
  char buffer[256];
  if (command == "symlink") return said(symlink(a, b));
  if (command == "link") return said(link(a, b));
  if (command == "rename") return said(rename(a, b));
  if (command == "unlink") return said(unlink(a));
  if (command == "mkdir") return said(mkdir(a, 0777));
  if (command == "rmdir") return said(rmdir(a));
  if (command == "touch") return said(utimensat(AT_FDCWD, a, nullptr, 0));
  if (command == "readlink") {
    const ssize_t length = readlink(a, buffer, sizeof buffer);
    return length < 0 ? said(-1) : std::string(buffer, static_cast<size_t>(length));
  }
  if (command == "stat" || command == "lstat") {
    struct stat info;
    if ((command == "stat" ? stat(a, &info) : lstat(a, &info)) != 0) return said(-1);
    return S_ISREG(info.st_mode) ? "file" : S_ISDIR(info.st_mode) ? "folder" : S_ISLNK(info.st_mode) ? "link" : "other";
  }
  if (command == "list") {
    DIR* folder = opendir(a);
    if (folder == nullptr) return said(-1);
    errno = 0;
    std::string names;
    while (const dirent* entry = readdir(folder)) names += std::string(entry->d_name) + " ";
    const int error = errno;
    closedir(folder);
    return names.empty() && error != 0 ? std::strerror(error) : names;
  }
  if (command == "sync") {
    const int fd = open(a, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return said(-1);
    const std::string text = said(fsync(fd));
    close(fd);
    return text;
  }
  if (command == "read" || command == "append" || command == "date") {
    const int fd = command == "append" ? open(a, O_WRONLY | O_CREAT | O_APPEND, 0644) : open(a, O_RDONLY);
    if (fd < 0) return said(-1);
    std::string text = "ok";
    if (command == "read") {
      const ssize_t length = read(fd, buffer, sizeof buffer);
      text = length < 0 ? said(-1) : std::string(buffer, static_cast<size_t>(length));
    } else if (command == "date") {
      text = said(futimens(fd, nullptr));
    } else if (write(fd, b, std::strlen(b)) < 0) {
      text = said(-1);
    }
    close(fd);
    return text;
  }
  return "no such command: " + command;
}

inline std::string file_commands(std::string_view script, const std::string& path) {
  return run_script(script, {{'@', path}, {'^', path.substr(0, path.rfind('/'))}}, file_command);
}
