// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_extent.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "failure.h"
#include "file_descriptor.h"

namespace muleplex {

std::vector<ByteRange> dataRanges(int fd, uint64_t size) {
  const std::vector<ByteRange> whole{{0, size}};
  std::vector<ByteRange> ranges;
  for (uint64_t position = 0; position < size;) {
    const off_t start = lseek(fd, static_cast<off_t>(position), SEEK_DATA);
    if (start < 0) {
      if (errno == ENXIO) break;
      if (errno == EINVAL || errno == EOPNOTSUPP) return whole;
      throw Failure::system("lseek", errno);
    }
    if (static_cast<uint64_t>(start) >= size) break;
    const off_t end = lseek(fd, start, SEEK_HOLE);
    if (end < 0) throw Failure::system("lseek", errno);
    if (ranges.size() == kDataRangesMax) return whole;
    position = static_cast<uint64_t>(end);
    ranges.push_back({static_cast<uint64_t>(start), std::min(position, size)});
  }
  return ranges;
}

void allocate(int fd, uint64_t size) {
  if (size == 0) return;
  int result = 0;
  do {
    result = fallocate(fd, 0, 0, static_cast<off_t>(size));
  } while (result != 0 && errno == EINTR);
  if (result != 0) throw Failure::system("fallocate", errno);
}

void startWriteback(int fd, uint64_t offset, uint64_t length) {
  static_cast<void>(sync_file_range(fd, static_cast<off_t>(offset), static_cast<off_t>(length),
                                    SYNC_FILE_RANGE_WRITE));
}

void syncFileSystem(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file.isOpen()) throw Failure::system("open", errno);
  if (syncfs(file.get()) != 0) throw Failure::system("syncfs", errno);
}

}  // namespace muleplex
