// SPDX-License-Identifier: GPL-2.0-or-later
#include "tree_remover.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "directory.h"
#include "failure.h"
#include "file_descriptor.h"

namespace muleplex {
namespace {

/// Makes a folder readable and changeable for its owner, which removing what is in it needs.
void makeWritable(int parent, const char* name) {
  fchmodat(parent, name, S_IRWXU, AT_SYMLINK_NOFOLLOW);
}

/// Opens a folder to empty it; nothing, with errno, when that fails.
std::optional<Directory> openFolder(int parent, const char* name) {
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  FileDescriptor folder(openat(parent, name, flags));
  if (!folder.isOpen() && errno == EACCES) {
    makeWritable(parent, name);
    folder = FileDescriptor(openat(parent, name, flags));
  }
  if (!folder.isOpen()) return std::nullopt;
  struct stat status {};
  if (fstat(folder.get(), &status) == 0 && (status.st_mode & S_IRWXU) != S_IRWXU) {
    fchmod(folder.get(), S_IRWXU);
  }
  return Directory(std::move(folder));
}

dev_t deviceOf(const Directory& directory) {
  struct stat status {};
  if (fstat(directory.fd(), &status) != 0) throw Failure::system("fstat", errno);
  return status.st_dev;
}

/// Reads at most `countMax` names from where the directory stands.
std::vector<Directory::Entry> readNames(Directory& directory, size_t countMax) {
  std::vector<Directory::Entry> names;
  for (Directory::Entry entry; names.size() < countMax && directory.next(entry);) {
    names.push_back(entry);
  }
  return names;
}

void removeFile(int folder, const std::string& name) {
  if (unlinkat(folder, name.c_str(), 0) != 0 && errno != ENOENT) {
    throw Failure::system("unlink", errno);
  }
}

class Remover {
 public:
  Remover(const std::string& path, size_t entriesMax) : path_(path), budget_(entriesMax) {}

  bool run() {
    std::optional<Directory> root = openFolder(AT_FDCWD, path_.c_str());
    if (!root) {
      if (errno == ENOENT) return true;
      throw Failure::system("open", errno);
    }
    device_ = deviceOf(*root);
    while (budget_ > 0) {
      root->rewind();
      const std::vector<Directory::Entry> names = readNames(*root, budget_);
      if (names.empty()) {
        if (rmdir(path_.c_str()) == 0 || errno == ENOENT) return true;
        if (errno != ENOTEMPTY) throw Failure::system("rmdir", errno);
      }
      for (const Directory::Entry& entry : names) removeChild(root->fd(), entry);
    }
    return false;
  }

 private:
  void removeChild(int root, const Directory::Entry& child) {
    if (!child.isFolder) {
      removeFile(root, child.name);
      spend();
      return;
    }
    while (budget_ > 0) {
      std::optional<Directory> folder = openFolder(root, child.name.c_str());
      if (!folder) throw Failure::system("open", errno);
      if (deviceOf(*folder) != device_) throw Failure::system("open", EXDEV);
      const std::vector<Directory::Entry> names = readNames(*folder, budget_);
      if (names.empty()) break;
      for (const Directory::Entry& entry : names) {
        if (entry.isFolder) {
          moveUp(folder->fd(), entry.name, root);
        } else {
          removeFile(folder->fd(), entry.name);
        }
        spend();
      }
    }
    if (budget_ == 0) return;
    if (unlinkat(root, child.name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT &&
        errno != ENOTEMPTY) {
      throw Failure::system("rmdir", errno);
    }
    spend();
  }

  /// Moves an inner folder to the root under a name that is free there.
  void moveUp(int folder, const std::string& name, int root) {
    for (bool isRetry = false;;) {
      const std::string target = ".removed-" + std::to_string(moved_++);
      if (renameat2(folder, name.c_str(), root, target.c_str(), RENAME_NOREPLACE) == 0) return;
      if (errno == EEXIST) continue;
      if (errno != EACCES || isRetry) throw Failure::system("rename", errno);
      // A folder can change its parent only when its owner may write to it.
      makeWritable(folder, name.c_str());
      isRetry = true;
    }
  }

  void spend() {
    if (budget_ > 0) --budget_;
  }

  std::string path_;
  size_t budget_;
  dev_t device_ = 0;
  uint64_t moved_ = 0;
};

}  // namespace

bool removeTreeSlice(const std::string& path, size_t entriesMax) {
  return Remover(path, entriesMax).run();
}

}  // namespace muleplex
