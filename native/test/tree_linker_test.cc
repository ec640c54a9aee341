// SPDX-License-Identifier: GPL-2.0-or-later
#include "tree_linker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "test.h"

namespace muleplex {
namespace {

using std::filesystem::create_directories;
using std::filesystem::exists;
using test::TemporaryFolder;

struct stat statOf(const std::string& path) {
  struct stat status {};
  EXPECT(lstat(path.c_str(), &status) == 0);
  return status;
}

void touch(const std::string& path) { std::ofstream(path) << "x"; }

size_t linkAll(const std::string& root) {
  std::vector<std::string> waiting = {""};
  size_t calls = 0;
  for (; !waiting.empty(); ++calls) {
    const LinkedFolders linked = linkFolders(root, "from", "to", waiting);
    EXPECT(linked.folderCount > 0 && linked.folderCount <= waiting.size());
    waiting.erase(waiting.begin(),
                  waiting.begin() + static_cast<std::ptrdiff_t>(linked.folderCount));
    waiting.insert(waiting.end(), linked.folders.begin(), linked.folders.end());
  }
  return calls;
}

TEST("a tree of links has the inodes of the other, and folders like its own") {
  const TemporaryFolder folder;
  create_directories(folder / "from/a/b");
  create_directories(folder / "from/empty");
  touch(folder / "from/a/b/file");
  EXPECT(symlink("/etc", (folder / "from/a/link").c_str()) == 0);
  EXPECT(chmod((folder / "from/empty").c_str(), 03505) == 0);
  const timespec times[2] = {{0, UTIME_OMIT}, {1'000'000'000, 123'456'789}};
  for (const char* name : {"from/a", "from/a/b", "from"}) {
    EXPECT(utimensat(AT_FDCWD, (folder / name).c_str(), times, 0) == 0);
  }
  linkAll(folder.path());
  for (const char* name : {"/a/b/file", "/a/link"}) {
    EXPECT(statOf(folder / "from" + name).st_ino == statOf(folder / "to" + name).st_ino);
  }
  for (const char* name : {"/a", "/a/b", ""}) {
    const timespec time = statOf(folder / "to" + name).st_mtim;
    EXPECT(time.tv_sec == 1'000'000'000 && time.tv_nsec == 123'456'789);
  }
  EXPECT((statOf(folder / "to/empty").st_mode & 07777) == 03705);
}

TEST("linking is taken up again where it was, and keeps what is there") {
  const TemporaryFolder folder;
  create_directories(folder / "from/a/b");
  touch(folder / "from/a/b/file");
  touch(folder / "from/a/other");
  linkAll(folder.path());
  std::filesystem::remove(folder / "to/a/b/file");
  std::filesystem::remove(folder / "to/a/other");
  touch(folder / "to/a/other");
  linkAll(folder.path());
  EXPECT(statOf(folder / "from/a/b/file").st_ino == statOf(folder / "to/a/b/file").st_ino);
  EXPECT(statOf(folder / "from/a/other").st_ino != statOf(folder / "to/a/other").st_ino);
}

TEST("folders behind many entries wait for the next call") {
  const TemporaryFolder folder;
  for (const char* name : {"from/a", "from/b"}) {
    create_directories(folder / name);
    for (size_t i = 0; i < kLinkedEntriesMax; ++i) {
      touch(folder / name + "/" + std::to_string(i));
    }
  }
  EXPECT(linkAll(folder.path()) == 3);
  EXPECT(exists(folder / "to/a/0") && exists(folder / "to/b/0"));
}

TEST("a link in place of a folder is not followed, on neither side") {
  const TemporaryFolder folder;
  create_directories(folder / "from/a");
  create_directories(folder / "outside");
  touch(folder / "from/a/file");
  create_directories(folder / "to");
  std::filesystem::create_directory_symlink(folder / "outside", folder / "to/a");
  linkAll(folder.path());
  EXPECT(std::filesystem::is_empty(folder / "outside"));
  touch(folder / "outside/file");
  std::filesystem::create_directory_symlink(folder / "outside", folder / "from/b");
  EXPECT(linkFolders(folder.path(), "from", "to", {"b"}).folders.empty());
  EXPECT(!exists(folder / "to/b"));
}

}  // namespace
}  // namespace muleplex
