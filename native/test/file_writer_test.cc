// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_writer.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "failure.h"
#include "file_descriptor.h"
#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;
using test::TemporaryFolder;
using test::testBytes;

constexpr size_t kStageSize = FileWriter::kStageSize;

FileDescriptor create(const std::string& path) {
  FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  EXPECT(file.isOpen());
  return file;
}

Bytes contentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool isOnExt4(int fd) {
  struct statfs status {};
  return fstatfs(fd, &status) == 0 && status.f_type == EXT4_SUPER_MAGIC;
}

/// Writes bytes from `start` on in pieces of so many bytes, and says if it compares equal.
bool writesWhole(const std::string& path, const Bytes& bytes, size_t start, size_t pieceSize) {
  const FileDescriptor file = create(path);
  FileWriter writer(file.get());
  for (size_t done = start; done < bytes.size(); done += pieceSize) {
    const size_t size = std::min(pieceSize, bytes.size() - done);
    writer.write({bytes.data() + done, size}, done);
  }
  writer.flush();
  return contentOf(path) == bytes;
}

TEST("a large file comes out whole, however its pieces lie") {
  const TemporaryFolder folder;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}, kStageSize, kStageSize + 1,
                            3 * kStageSize - 5, 2 * kStageSize + 4096}) {
    for (const size_t start : {size_t{0}, size_t{1}, size_t{4096}, size_t{5000}}) {
      if (start >= size && size > 0) continue;
      Bytes bytes = testBytes(size);
      std::fill_n(bytes.begin(), std::min(start, size), uint8_t{0});
      for (const size_t pieceSize : {size_t{1777}, size_t{65536}, 2 * kStageSize}) {
        const std::string name = folder / "file";
        EXPECT(writesWhole(name, bytes, start, pieceSize));
        std::filesystem::remove(name);
      }
    }
  }
}

TEST("what lies between the pieces of a large file is a hole") {
  const TemporaryFolder folder;
  const FileDescriptor file = create(folder / "file");
  const Bytes bytes = testBytes(kStageSize + 777);
  constexpr uint64_t kSecond = 64 * kStageSize + 33;
  FileWriter writer(file.get());
  writer.write({bytes.data(), bytes.size()}, 0);
  writer.write({bytes.data(), bytes.size()}, kSecond);
  writer.flush();
  const Bytes content = contentOf(folder / "file");
  EXPECT(content.size() == kSecond + bytes.size());
  EXPECT(std::equal(bytes.begin(), bytes.end(), content.begin()));
  EXPECT(std::equal(bytes.begin(), bytes.end(), content.begin() + kSecond));
  struct stat status {};
  EXPECT(fstat(file.get(), &status) == 0);
  EXPECT(status.st_blocks * 512 < static_cast<off_t>(8 * kStageSize));
}

TEST("a large file goes past the page cache where that is known to do well") {
  const TemporaryFolder folder;
  const FileDescriptor file = create(folder / "file");
  const Bytes bytes = testBytes(kStageSize);
  FileWriter writer(file.get());
  writer.write({bytes.data(), bytes.size()}, 0);
  EXPECT(((fcntl(file.get(), F_GETFL) & O_DIRECT) != 0) == isOnExt4(file.get()));
}

TEST("a write that ends short is gone on with, and its error named") {
  const TemporaryFolder folder;
  const FileDescriptor file = create(folder / "file");
  const Bytes bytes = testBytes(kStageSize);
  constexpr rlim_t kRoom = 100'001;
  rlimit before{};
  EXPECT(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{kRoom, before.rlim_max};
  std::signal(SIGXFSZ, SIG_IGN);
  EXPECT(setrlimit(RLIMIT_FSIZE, &small) == 0);
  int error = 0;
  try {
    FileWriter writer(file.get());
    writer.write({bytes.data(), bytes.size()}, 0);
  } catch (const Failure& failure) {
    error = failure.systemError();
  }
  EXPECT(setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, SIG_DFL);
  EXPECT(error == EFBIG);
  EXPECT(contentOf(folder / "file") == Bytes(bytes.begin(), bytes.begin() + kRoom));
}

}  // namespace
}  // namespace muleplex
