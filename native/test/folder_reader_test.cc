// SPDX-License-Identifier: GPL-2.0-or-later
#include "folder_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "failure.h"
#include "file_descriptor.h"
#include "piece_reader.h"
#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;
using test::TemporaryFolder;
using test::testBytes;

void writeFile(const std::string& path, const Bytes& bytes, off_t offset = 0) {
  const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT, 0640));
  EXPECT(file.isOpen());
  EXPECT(pwrite(file.get(), bytes.data(), bytes.size(), offset) ==
         static_cast<ssize_t>(bytes.size()));
}

TEST("a folder is read with itself first and its entries in the order of their bytes") {
  const TemporaryFolder folder;
  writeFile(folder / "b", Bytes(5, 1));
  writeFile(folder / "a\xff\n", {});
  EXPECT(mkdir((folder / "a").c_str(), 0755) == 0);
  EXPECT(symlink("../target", (folder / "link").c_str()) == 0);
  EXPECT(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const timespec times[2] = {{0, 0}, {1234567890, 123456789}};
  EXPECT(utimensat(AT_FDCWD, (folder / "b").c_str(), times, 0) == 0);
  const auto entries = readFolder(folder.path());
  EXPECT(entries.size() == 6);
  EXPECT(entries[0].name.empty() && S_ISDIR(entries[0].stat.st_mode));
  EXPECT(entries[1].name == "a" && S_ISDIR(entries[1].stat.st_mode));
  EXPECT(entries[2].name == "a\xff\n");
  EXPECT(entries[3].name == "b" && entries[3].stat.st_size == 5);
  EXPECT(entries[3].stat.st_mtim.tv_sec == 1234567890);
  EXPECT(entries[3].stat.st_mtim.tv_nsec == 123456789);
  EXPECT(entries[4].name == "link" && entries[4].target == "../target");
  EXPECT(entries[5].name == "pipe" && S_ISFIFO(entries[5].stat.st_mode));
  for (const FolderEntry& entry : entries) EXPECT(entry.statError == 0 && entry.targetError == 0);
}

TEST("several folders are read in one call, up to a number of entries, errors with them") {
  const TemporaryFolder folder;
  writeFile(folder / "file", {});
  const std::string absent = folder / "absent", root = folder.path();
  const auto readings = readFolders({root, absent, folder / "file", root});
  EXPECT(readings.size() == 4);
  EXPECT(readings[0].error == 0 && readings[0].entries.size() == 2);
  EXPECT(readings[1].error == ENOENT && readings[1].entries.empty());
  EXPECT(readings[2].error == ENOTDIR);
  EXPECT(readings[3].entries.size() == 2);
  // Two entries each.
  const std::vector<std::string> many(kFoldersEntriesMax, root);
  EXPECT(readFolders(many).size() == kFoldersEntriesMax / 2);
}

TEST("extended attributes are read, also long and empty ones") {
  const TemporaryFolder folder;
  writeFile(folder / "file", {});
  const std::string path = folder / "file", longValue(3000, 'v');
  if (setxattr(path.c_str(), "user.b", longValue.data(), longValue.size(), 0) != 0) {
    EXPECT(errno == ENOTSUP);
    return;
  }
  EXPECT(setxattr(path.c_str(), "user.a", "", 0, 0) == 0);
  const auto entries = readFolder(folder.path());
  const auto& attributes = entries.back().attributes;
  EXPECT(attributes.size() == 2 && entries.back().attributesError == 0);
  EXPECT(attributes[0].name == "user.a" && attributes[0].value.empty());
  EXPECT(attributes[1].name == "user.b" && attributes[1].value == longValue);
}

TEST("a sparse file is listed with where its data is") {
  const TemporaryFolder folder;
  writeFile(folder / "sparse", Bytes(4096, 1), 1 << 20);
  EXPECT(truncate((folder / "sparse").c_str(), 2 << 20) == 0);
  writeFile(folder / "hole", {});
  EXPECT(truncate((folder / "hole").c_str(), 1 << 20) == 0);
  const auto entries = readFolder(folder.path());
  const auto& hole = entries[1].dataRanges;
  EXPECT(hole.size() == 1 && hole[0].start == 0 && hole[0].end == 0);
  const auto& sparse = entries[2].dataRanges;
  EXPECT(sparse.size() == 1 && sparse[0].start == 1 << 20 && sparse[0].end == (1 << 20) + 4096);
}

TEST("a folder that is absent or none is refused with its errno") {
  const TemporaryFolder folder;
  writeFile(folder / "file", {});
  for (const auto& [name, error] : {std::pair{"absent", ENOENT}, {"file", ENOTDIR}}) {
    try {
      readFolder(folder / name);
      test::fail(__FILE__, __LINE__, "was read");
    } catch (const Failure& failure) {
      EXPECT(failure.kind() == FailureKind::kSystem && failure.systemError() == error);
    }
  }
}

TEST("pieces are read up to the end of the file, and only of regular files") {
  const TemporaryFolder folder;
  const Bytes data = testBytes(1000);
  writeFile(folder / "file", data);
  EXPECT(symlink("file", (folder / "link").c_str()) == 0);
  EXPECT(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  PieceReader reader;
  Bytes out(600);
  size_t bytesRead = 0;
  EXPECT(reader.read(folder / "file", 0, out.data(), 600, bytesRead) == 0 && bytesRead == 600);
  EXPECT(std::equal(out.begin(), out.end(), data.begin()));
  EXPECT(reader.read(folder / "file", 600, out.data(), 600, bytesRead) == 0 && bytesRead == 400);
  EXPECT(std::equal(out.begin(), out.begin() + 400, data.begin() + 600));
  struct stat status {};
  EXPECT(reader.stat(status) == 0 && status.st_size == 1000);
  EXPECT(reader.read(folder / "link", 0, out.data(), 600, bytesRead) == ELOOP);
  EXPECT(reader.read(folder / "pipe", 0, out.data(), 600, bytesRead) == EINVAL && bytesRead == 0);
  EXPECT(reader.read(folder.path(), 0, out.data(), 600, bytesRead) == EINVAL);
  EXPECT(reader.read(folder / "absent", 0, out.data(), 600, bytesRead) == ENOENT);
}

}  // namespace
}  // namespace muleplex
