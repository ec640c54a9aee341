// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_batch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "failure.h"

namespace muleplex {
namespace {

bool isPlainName(const std::string& name) { return !name.empty() && name != "." && name != ".."; }

int errorOf(int result) { return result == 0 ? 0 : errno; }

int writeAll(int fd, const std::vector<ByteView>& pieces) {
  for (const ByteView& piece : pieces) {
    for (size_t done = 0; done < piece.size;) {
      const ssize_t written = write(fd, piece.data + done, piece.size - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno;
      done += static_cast<size_t>(written);
    }
  }
  return 0;
}

int makeFile(int folder, const std::string& name, const FileOperation& operation) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  FileDescriptor file(openat(folder, name.c_str(), flags, operation.mode));
  if (!file.isOpen()) return errno;
  const int error = writeAll(file.get(), operation.pieces);
  if (file.close() != 0 && error == 0) return errno;
  return error;
}

int setTime(int folder, const std::string& name, const FileOperation& operation) {
  const timespec times[2] = {
      {0, UTIME_OMIT},
      {static_cast<time_t>(operation.seconds), static_cast<long>(operation.nanoseconds)}};
  return errorOf(utimensat(folder, name.c_str(), times, AT_SYMLINK_NOFOLLOW));
}

// There is no setxattr relative to a folder: the entry is opened without following and set through
// its name in /proc, which also works for links and for files that may not be read.
int setAttribute(int folder, const std::string& name, const FileOperation& operation) {
  const FileDescriptor entry(openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!entry.isOpen()) return errno;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", entry.get());
  const ByteView value = operation.pieces.empty() ? ByteView{} : operation.pieces.front();
  return errorOf(setxattr(path, operation.name.c_str(), value.data, value.size, 0));
}

int runOne(PathResolver& paths, PathResolver& others, const FileOperation& operation) {
  int folder = -1;
  std::string name;
  int error = paths.resolve(operation.path, folder, name);
  if (error != 0) return error;
  const char* entry = name.c_str();
  int otherFolder = -1;
  std::string otherName;
  const bool takesOther = operation.kind == FileOperationKind::kHardLink ||
                          operation.kind == FileOperationKind::kRename;
  if (takesOther) {
    error = others.resolve(operation.other, otherFolder, otherName);
    if (error != 0) return error;
  }
  switch (operation.kind) {
    case FileOperationKind::kMakeFolder:
      return errorOf(mkdirat(folder, entry, operation.mode));
    case FileOperationKind::kMakeFile:
      return makeFile(folder, name, operation);
    case FileOperationKind::kHardLink:
      return errorOf(linkat(otherFolder, otherName.c_str(), folder, entry, 0));
    case FileOperationKind::kSymbolicLink:
      return errorOf(symlinkat(operation.other.c_str(), folder, entry));
    case FileOperationKind::kChangeMode:
      return errorOf(fchmodat(folder, entry, operation.mode, AT_SYMLINK_NOFOLLOW));
    case FileOperationKind::kChangeOwner:
      return errorOf(fchownat(folder, entry, operation.uid, operation.gid, AT_SYMLINK_NOFOLLOW));
    case FileOperationKind::kSetTime:
      return setTime(folder, name, operation);
    case FileOperationKind::kSetAttribute:
      return setAttribute(folder, name, operation);
    case FileOperationKind::kRemoveFile:
      return errorOf(unlinkat(folder, entry, 0));
    case FileOperationKind::kRemoveFolder:
      return errorOf(unlinkat(folder, entry, AT_REMOVEDIR));
    case FileOperationKind::kRename:
      return errorOf(renameat(otherFolder, otherName.c_str(), folder, entry));
  }
  return EINVAL;
}

}  // namespace

PathResolver::PathResolver(const std::string& root)
    : root_(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!root_.isOpen()) throw Failure::system("open", errno);
}

int PathResolver::openFolder(const std::string& path) {
  FileDescriptor folder;
  int parent = root_.get();
  for (size_t start = 0; start < path.size();) {
    const size_t slash = path.find('/', start);
    const size_t end = slash == std::string::npos ? path.size() : slash;
    const std::string name = path.substr(start, end - start);
    if (!isPlainName(name)) return EINVAL;
    const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    FileDescriptor next(openat(parent, name.c_str(), flags));
    if (!next.isOpen()) return errno;
    folder = std::move(next);
    parent = folder.get();
    start = end + 1;
  }
  last_ = std::move(folder);
  lastPath_ = path;
  return 0;
}

int PathResolver::resolve(const std::string& path, int& folder, std::string& name) {
  if (path.empty() || path.find('\0') != std::string::npos) return EINVAL;
  if (!root_.isOpen()) {
    folder = AT_FDCWD;
    name = path;
    return 0;
  }
  const size_t slash = path.rfind('/');
  name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (!isPlainName(name) || slash == 0) return EINVAL;
  if (slash == std::string::npos) {
    folder = root_.get();
    return 0;
  }
  const std::string folderPath = path.substr(0, slash);
  if (!last_.isOpen() || folderPath != lastPath_) {
    const int error = openFolder(folderPath);
    if (error != 0) return error;
  }
  folder = last_.get();
  return 0;
}

std::vector<int32_t> runFileBatch(PathResolver& paths, PathResolver& others,
                                  const std::vector<FileOperation>& operations) {
  std::vector<int32_t> errors;
  errors.reserve(operations.size());
  for (const FileOperation& operation : operations) {
    errors.push_back(runOne(paths, others, operation));
  }
  return errors;
}

}  // namespace muleplex
