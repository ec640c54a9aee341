// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_batch.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "failure.h"
#include "file_extent.h"

namespace muleplex {
namespace {

bool isPlainName(const std::string& name) { return !name.empty() && name != "." && name != ".."; }

int errorOf(int result) { return result == 0 ? 0 : errno; }

int writePiece(int fd, ByteView piece, uint64_t offset) {
  for (size_t done = 0; done < piece.size;) {
    const ssize_t written =
        pwrite(fd, piece.data + done, piece.size - done, static_cast<off_t>(offset + done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    done += static_cast<size_t>(written);
  }
  return 0;
}

FileDescriptor createFile(int folder, const std::string& name, mode_t mode) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  return FileDescriptor(openat(folder, name.c_str(), flags, mode));
}

int makeFile(int folder, const std::string& name, const FileOperation& operation) {
  FileDescriptor file = createFile(folder, name, operation.mode);
  if (!file.isOpen()) return errno;
  uint64_t end = 0;
  for (size_t i = 0; i < operation.pieces.size(); ++i) {
    const int error = writePiece(file.get(), operation.pieces[i], operation.offsets[i]);
    if (error != 0) return error;
    end = std::max(end, operation.offsets[i] + operation.pieces[i].size);
  }
  // A hole at the end is not written, only counted.
  if (operation.size > end && ftruncate(file.get(), static_cast<off_t>(operation.size)) != 0) {
    return errno;
  }
  return errorOf(file.close());
}

int copyRange(int source, int target, ByteRange range) {
  off_t from = static_cast<off_t>(range.start), to = from;
  while (static_cast<uint64_t>(from) < range.end) {
    const size_t left = static_cast<size_t>(range.end - static_cast<uint64_t>(from));
    const ssize_t copied = copy_file_range(source, &from, target, &to, left, 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0) return errno;
    // The source was cut short meanwhile.
    if (copied == 0) return ESTALE;
  }
  return 0;
}

int unshareFile(int folder, const std::string& name, mode_t mode) {
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const FileDescriptor source(openat(folder, name.c_str(), flags));
  if (!source.isOpen()) return errno;
  struct stat status {};
  if (fstat(source.get(), &status) != 0) return errno;
  if (!S_ISREG(status.st_mode)) return EINVAL;
  if (unlinkat(folder, name.c_str(), 0) != 0) return errno;
  FileDescriptor target = createFile(folder, name, mode);
  if (!target.isOpen()) return errno;
  if (ioctl(target.get(), FICLONE, source.get()) == 0) return errorOf(target.close());
  if (ftruncate(target.get(), status.st_size) != 0) return errno;
  for (const ByteRange range : dataRanges(source.get(), static_cast<uint64_t>(status.st_size))) {
    const int error = copyRange(source.get(), target.get(), range);
    if (error != 0) return error;
  }
  return errorOf(target.close());
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
  if (operation.kind == FileOperationKind::kHardLink) {
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
    case FileOperationKind::kUnshareFile:
      return unshareFile(folder, name, operation.mode);
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
  for (size_t start = 0; start <= path.size();) {
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

void PathResolver::forget() {
  lastPath_.clear();
  last_.close();
}

std::vector<int32_t> runFileBatch(PathResolver& paths, PathResolver& others,
                                  const std::vector<FileOperation>& operations) {
  std::vector<int32_t> errors;
  errors.reserve(operations.size());
  for (const FileOperation& operation : operations) {
    try {
      errors.push_back(runOne(paths, others, operation));
    } catch (const Failure& failure) {
      errors.push_back(failure.systemError());
    }
    if (operation.kind == FileOperationKind::kRemoveFolder) {
      paths.forget();
      others.forget();
    }
  }
  return errors;
}

}  // namespace muleplex
