// SPDX-License-Identifier: GPL-2.0-or-later
#include "directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "failure.h"

namespace muleplex {
namespace {

bool isSelfOrParent(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

bool isFolder(int folder, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat status {};
  return fstatat(folder, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(status.st_mode);
}

}  // namespace

Directory::Directory(FileDescriptor folder) : stream_(fdopendir(folder.get())) {
  if (stream_ == nullptr) throw Failure::system("fdopendir", errno);
  folder.release();
}

bool Directory::next(Entry& entry) {
  for (;;) {
    errno = 0;
    const dirent* found = readdir(stream_.get());
    if (found == nullptr) {
      if (errno != 0) throw Failure::system("readdir", errno);
      return false;
    }
    if (isSelfOrParent(found->d_name)) continue;
    entry.name = found->d_name;
    entry.isFolder = isFolder(fd(), *found);
    return true;
  }
}

}  // namespace muleplex
