// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_batch.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;
using test::TemporaryFolder;
using Kind = FileOperationKind;

FileOperation operation(Kind kind, const std::string& path) {
  FileOperation made;
  made.kind = kind;
  made.path = path;
  made.mode = kind == Kind::kMakeFolder ? 0755 : 0644;
  return made;
}

FileOperation operation(Kind kind, const std::string& path, const std::string& other) {
  FileOperation made = operation(kind, path);
  made.other = other;
  return made;
}

FileOperation fileOf(const std::string& path, const Bytes& bytes, uint64_t offset = 0,
                     uint64_t size = 0) {
  FileOperation made = operation(Kind::kMakeFile, path);
  made.pieces = {{bytes.data(), bytes.size()}};
  made.offsets = {offset};
  made.size = size;
  return made;
}

std::vector<int32_t> run(const std::string& root, const std::vector<FileOperation>& operations) {
  PathResolver paths(root), others(root);
  return runFileBatch(paths, others, operations);
}

std::string contentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct stat statOf(const std::string& path) {
  struct stat status {};
  EXPECT(lstat(path.c_str(), &status) == 0);
  return status;
}

TEST("a tree is made in one batch") {
  const TemporaryFolder folder;
  const Bytes text = {'t', 'e', 'x', 't'};
  FileOperation time = operation(Kind::kSetTime, "a/b/link");
  time.seconds = -5;
  time.nanoseconds = 999'999'999;
  FileOperation mode = operation(Kind::kChangeMode, "a/b/file");
  mode.mode = 04711;
  const auto errors =
      run(folder.path(),
          {operation(Kind::kMakeFolder, "a"), operation(Kind::kMakeFolder, "a/b"),
           fileOf("a/b/file", text), operation(Kind::kHardLink, "a/twin", "a/b/file"),
           operation(Kind::kSymbolicLink, "a/b/link", "/etc/passwd"), time, mode,
           fileOf("sparse", text, 1 << 20, 3 << 20),
           operation(Kind::kHardLink, "copy", "sparse"), operation(Kind::kUnshareFile, "copy")});
  for (const int32_t error : errors) EXPECT(error == 0);
  EXPECT(contentOf(folder / "a/twin") == "text");
  EXPECT(statOf(folder / "a/twin").st_ino == statOf(folder / "a/b/file").st_ino);
  EXPECT((statOf(folder / "a/b/file").st_mode & 07777) == 04711);
  EXPECT(statOf(folder / "a/b/link").st_mtim.tv_sec == -5);
  EXPECT(statOf(folder / "a/b/link").st_mtim.tv_nsec == 999'999'999);
  EXPECT(contentOf(folder / "copy") == contentOf(folder / "sparse"));
  EXPECT(statOf(folder / "copy").st_ino != statOf(folder / "sparse").st_ino);
  for (const char* name : {"sparse", "copy"}) {
    EXPECT(statOf(folder / name).st_size == 3 << 20);
    EXPECT(statOf(folder / name).st_blocks * 512 < 1 << 20);
  }
}

TEST("operations fail each on its own, with an errno value") {
  const TemporaryFolder folder;
  const auto errors =
      run(folder.path(),
          {operation(Kind::kRemoveFile, "absent"), operation(Kind::kMakeFolder, "a"),
           operation(Kind::kMakeFolder, "a"), fileOf("a", {}), operation(Kind::kRemoveFolder, "a"),
           operation(Kind::kMakeFolder, "no/parent")});
  EXPECT(errors == (std::vector<int32_t>{ENOENT, 0, EEXIST, EEXIST, 0, ENOENT}));
}

TEST("a folder that takes the name of another within a batch is the one written to") {
  const TemporaryFolder folder;
  const Bytes text = {'x'};
  const auto errors =
      run(folder.path(),
          {operation(Kind::kMakeFolder, "a"), fileOf("a/old", text),
           operation(Kind::kRemoveFile, "a/old"), operation(Kind::kRemoveFolder, "a"),
           operation(Kind::kMakeFolder, "a"), fileOf("a/new", text)});
  for (const int32_t error : errors) EXPECT(error == 0);
  EXPECT(contentOf(folder / "a/new") == "x");
}

TEST("no path leaves the root, by its text or through a link") {
  const TemporaryFolder folder;
  const std::string root = folder / "root", outside = folder / "outside";
  std::filesystem::create_directories(root + "/sub");
  std::filesystem::create_directory(outside);
  std::filesystem::create_directory_symlink(outside, root + "/link");
  const Bytes text = {'x'};
  for (const std::string path : {"", "/", "/x", "..", "../x", "sub/..", "sub/../../x", "./x",
                                 "sub//x", "sub/./x", "x/", "link/x", "sub/../link/x"}) {
    EXPECT(run(root, {fileOf(path, text)})[0] != 0);
    EXPECT(run(root, {operation(Kind::kHardLink, "sub/y", path)})[0] != 0);
    EXPECT(run(root, {operation(Kind::kUnshareFile, path)})[0] != 0);
  }
  EXPECT(run(root, {fileOf(std::string("a\0b", 3), text)})[0] == EINVAL);
  EXPECT(run(root, {fileOf("link", text)})[0] == EEXIST);
  EXPECT(std::filesystem::is_empty(outside));
  EXPECT(std::filesystem::is_empty(root + "/sub"));
}

TEST("mode and attributes of a link's target stay as they are") {
  const TemporaryFolder folder;
  FileOperation mode = operation(Kind::kChangeMode, "link");
  mode.mode = 0;
  const auto errors = run(
      folder.path(), {fileOf("file", {}), operation(Kind::kSymbolicLink, "link", "file"), mode});
  EXPECT(errors[2] == EOPNOTSUPP);
  EXPECT((statOf(folder / "file").st_mode & 07777) == 0644);
  const Bytes value = {'v'};
  FileOperation attribute = operation(Kind::kSetAttribute, "link");
  attribute.name = "user.test";
  attribute.pieces = {{value.data(), value.size()}};
  EXPECT(run(folder.path(), {attribute})[0] != 0);
  attribute.path = "file";
  const int error = run(folder.path(), {attribute})[0];
  EXPECT(error == 0 || error == EOPNOTSUPP);
  char read[8];
  const std::string path = folder / "file";
  EXPECT(error != 0 || getxattr(path.c_str(), "user.test", read, sizeof read) == 1);
}

}  // namespace
}  // namespace muleplex
