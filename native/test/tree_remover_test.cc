// SPDX-License-Identifier: GPL-2.0-or-later
#include "tree_remover.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "failure.h"
#include "file_descriptor.h"
#include "test.h"

namespace muleplex {
namespace {

using std::filesystem::create_directories;
using std::filesystem::exists;
using test::TemporaryFolder;

void touch(const std::string& path) { std::ofstream(path) << "x"; }

size_t removeAll(const std::string& path, size_t slice) {
  size_t calls = 1;
  while (!removeTreeSlice(path, slice)) ++calls;
  return calls;
}

TEST("a tree is removed in slices, links are not followed") {
  const TemporaryFolder folder;
  create_directories(folder / "kept");
  touch(folder / "kept/file");
  for (int i = 0; i < 20; ++i) {
    const std::string sub = folder / ("tree/" + std::to_string(i) + "/inner/leaf");
    create_directories(sub);
    for (int j = 0; j < 10; ++j) touch(sub + "/" + std::to_string(j));
    std::filesystem::create_directory_symlink(folder / "kept", sub + "/link");
  }
  // A name that moved folders would get.
  create_directories(folder / "tree/.removed-0/x");
  EXPECT(removeAll(folder / "tree", 7) > 20);
  EXPECT(!exists(folder / "tree") && exists(folder / "kept/file"));
  EXPECT(removeTreeSlice(folder / "tree", 7));
}

TEST("a tree deeper than a path can be long is removed") {
  const TemporaryFolder folder;
  create_directories(folder / "tree");
  FileDescriptor at(open((folder / "tree").c_str(), O_RDONLY | O_DIRECTORY));
  const std::string name(200, 'd');
  for (int depth = 0; depth < 300; ++depth) {
    EXPECT(mkdirat(at.get(), name.c_str(), 0755) == 0);
    at = FileDescriptor(openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
    EXPECT(at.isOpen());
  }
  removeAll(folder / "tree", 1000);
  EXPECT(!exists(folder / "tree"));
}

TEST("folders without permissions are removed by their owner") {
  const TemporaryFolder folder;
  create_directories(folder / "tree/a/b/c");
  touch(folder / "tree/a/b/file");
  for (const char* path : {"tree/a/b/c", "tree/a/b", "tree/a", "tree"}) {
    EXPECT(chmod((folder / path).c_str(), 0) == 0);
  }
  removeAll(folder / "tree", 3);
  EXPECT(!exists(folder / "tree"));
}

TEST("a file in place of the folder is not removed") {
  const TemporaryFolder folder;
  touch(folder / "file");
  bool isRefused = false;
  try {
    removeTreeSlice(folder / "file", 10);
  } catch (const Failure&) {
    isRefused = true;
  }
  EXPECT(isRefused && exists(folder / "file"));
}

}  // namespace
}  // namespace muleplex
