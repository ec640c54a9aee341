// SPDX-License-Identifier: GPL-2.0-or-later
#include "tree_remover.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "failure.h"
#include "file_descriptor.h"

namespace muleplex {
namespace {

struct DirectoryCloser {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, DirectoryCloser>;

struct Name {
  std::string text;
  bool isFolder;
};

/// Makes a folder readable and changeable for its owner, which removing what is in it needs.
void makeWritable(int parent, const char* name) {
  fchmodat(parent, name, S_IRWXU, AT_SYMLINK_NOFOLLOW);
}

/// Opens a folder to empty it; null, with errno, when that fails.
Directory openFolder(int parent, const char* name) {
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  FileDescriptor folder(openat(parent, name, flags));
  if (!folder.isOpen() && errno == EACCES) {
    makeWritable(parent, name);
    folder = FileDescriptor(openat(parent, name, flags));
  }
  if (!folder.isOpen()) return nullptr;
  struct stat status {};
  if (fstat(folder.get(), &status) == 0 && (status.st_mode & S_IRWXU) != S_IRWXU) {
    fchmod(folder.get(), S_IRWXU);
  }
  Directory directory(fdopendir(folder.get()));
  if (directory == nullptr) throw Failure::system("fdopendir", errno);
  folder.release();
  return directory;
}

dev_t deviceOf(const Directory& directory) {
  struct stat status {};
  if (fstat(dirfd(directory.get()), &status) != 0) throw Failure::system("fstat", errno);
  return status.st_dev;
}

/// Reads at most `countMax` names from where the directory stands.
std::vector<Name> readNames(const Directory& directory, size_t countMax) {
  std::vector<Name> names;
  while (names.size() < countMax) {
    errno = 0;
    const dirent* next = readdir(directory.get());
    if (next == nullptr) {
      if (errno != 0) throw Failure::system("readdir", errno);
      break;
    }
    if (std::strcmp(next->d_name, ".") == 0 || std::strcmp(next->d_name, "..") == 0) continue;
    bool isFolder = next->d_type == DT_DIR;
    if (next->d_type == DT_UNKNOWN) {
      struct stat status {};
      const int found = fstatat(dirfd(directory.get()), next->d_name, &status, AT_SYMLINK_NOFOLLOW);
      isFolder = found == 0 && S_ISDIR(status.st_mode);
    }
    names.push_back({next->d_name, isFolder});
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
    const Directory root = openFolder(AT_FDCWD, path_.c_str());
    if (root == nullptr) {
      if (errno == ENOENT) return true;
      throw Failure::system("open", errno);
    }
    device_ = deviceOf(root);
    while (budget_ > 0) {
      rewinddir(root.get());
      const std::vector<Name> names = readNames(root, budget_);
      if (names.empty()) {
        if (rmdir(path_.c_str()) == 0 || errno == ENOENT) return true;
        if (errno != ENOTEMPTY) throw Failure::system("rmdir", errno);
      }
      for (const Name& name : names) removeChild(dirfd(root.get()), name);
    }
    return false;
  }

 private:
  void removeChild(int root, const Name& child) {
    if (!child.isFolder) {
      removeFile(root, child.text);
      spend();
      return;
    }
    while (budget_ > 0) {
      const Directory folder = openFolder(root, child.text.c_str());
      if (folder == nullptr) throw Failure::system("open", errno);
      if (deviceOf(folder) != device_) throw Failure::system("open", EXDEV);
      const std::vector<Name> names = readNames(folder, budget_);
      if (names.empty()) break;
      for (const Name& name : names) {
        if (name.isFolder) {
          moveUp(dirfd(folder.get()), name.text, root);
        } else {
          removeFile(dirfd(folder.get()), name.text);
        }
        spend();
      }
    }
    if (budget_ == 0) return;
    if (unlinkat(root, child.text.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT &&
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
