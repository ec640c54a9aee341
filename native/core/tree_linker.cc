// SPDX-License-Identifier: GPL-2.0-or-later
#include "tree_linker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "directory.h"
#include "failure.h"
#include "file_batch.h"
#include "file_descriptor.h"

namespace muleplex {
namespace {

constexpr mode_t kPermissions = 07777;

/// Errors that others after it would meet too.
bool isFatal(int error) {
  return error == ENOSPC || error == EDQUOT || error == EIO || error == EROFS;
}

/// A folder beneath a tree, not following links; closed, with errno, when that fails.
FileDescriptor openFolder(PathResolver& paths, const std::string& path) {
  int parent = -1;
  std::string name;
  errno = paths.resolve(path, parent, name);
  if (errno != 0) return FileDescriptor();
  return FileDescriptor(
      openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/// Also fine when it is there already; errno says why it could not be made.
bool makeFolder(int parent, const std::string& name) {
  return mkdirat(parent, name.c_str(), S_IRWXU) == 0 || errno == EEXIST;
}

/// What cannot be set is as it is: whoever uses the folder compares it.
void copyMetadata(int folder, const struct stat& wanted) {
  struct stat found {};
  if (fstat(folder, &found) != 0) return;
  if (found.st_uid != wanted.st_uid || found.st_gid != wanted.st_gid) {
    static_cast<void>(!fchown(folder, wanted.st_uid, wanted.st_gid));
  }
  fchmod(folder, (wanted.st_mode & kPermissions) | S_IRWXU);
  const timespec times[2] = {{0, UTIME_OMIT}, wanted.st_mtim};
  futimens(folder, times);
}

class Linker {
 public:
  Linker(const std::string& root, const std::string& from, const std::string& to)
      : sources_(root), targets_(root), from_(from), to_(to) {}

  /// Makes the tree itself, if it is not there.
  void makeRoot() {
    int parent = -1;
    std::string name;
    const int error = targets_.resolve(to_, parent, name);
    if (error != 0) throw Failure::system("open", error);
    if (!makeFolder(parent, name)) throw Failure::system("mkdir", errno);
  }

  /// Gives how many entries it met. Folders in it are added to `folders`.
  size_t linkFolder(const std::string& path, std::vector<std::string>& folders) {
    FileDescriptor source = openFolder(sources_, below(from_, path));
    struct stat status {};
    if (!source.isOpen() || fstat(source.get(), &status) != 0) return leaveOut(errno);
    const FileDescriptor target = openFolder(targets_, below(to_, path));
    if (!target.isOpen()) return leaveOut(errno);
    size_t count = 0;
    Directory directory(std::move(source));
    for (Directory::Entry entry; directory.next(entry); ++count) {
      const char* name = entry.name.c_str();
      if (entry.isFolder) {
        if (!makeFolder(target.get(), entry.name)) leaveOut(errno);
        folders.push_back(path.empty() ? entry.name : below(path, entry.name));
      } else if (linkat(directory.fd(), name, target.get(), name, 0) != 0) {
        leaveOut(errno);
      }
    }
    copyMetadata(target.get(), status);
    return count;
  }

 private:
  static std::string below(const std::string& folder, const std::string& path) {
    return path.empty() ? folder : folder + '/' + path;
  }

  static size_t leaveOut(int error) {
    if (isFatal(error)) throw Failure::system("link", error);
    return 0;
  }

  PathResolver sources_;
  PathResolver targets_;
  std::string from_;
  std::string to_;
};

}  // namespace

LinkedFolders linkFolders(const std::string& root, const std::string& from, const std::string& to,
                          const std::vector<std::string>& paths) {
  Linker linker(root, from, to);
  linker.makeRoot();
  LinkedFolders linked;
  size_t entryCount = 0;
  for (const std::string& path : paths) {
    if (entryCount >= kLinkedEntriesMax) break;
    entryCount += linker.linkFolder(path, linked.folders);
    ++linked.folderCount;
  }
  return linked;
}

}  // namespace muleplex
