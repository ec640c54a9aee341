// SPDX-License-Identifier: GPL-2.0-or-later
#include "small_file_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "file_descriptor.h"

namespace muleplex {
namespace {

int readAll(int fd, SmallFile& file, size_t sizeMax) {
  if (fstat(fd, &file.stat) != 0) return errno;
  if (!S_ISREG(file.stat.st_mode)) return EINVAL;
  const uint64_t size = static_cast<uint64_t>(file.stat.st_size);
  if (size > sizeMax) return EFBIG;
  // One byte more than expected, so that the end is seen without another call.
  file.bytes.resize(static_cast<size_t>(size) + 1);
  size_t done = 0;
  for (;;) {
    const ssize_t got = read(fd, file.bytes.data() + done, file.bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    done += static_cast<size_t>(got);
    if (done > sizeMax) return EFBIG;
    if (done == file.bytes.size()) file.bytes.resize(done * 2);
  }
  file.bytes.resize(done);
  return fstat(fd, &file.stat) == 0 ? 0 : errno;
}

}  // namespace

SmallFile readSmallFile(const std::string& path, size_t sizeMax) {
  SmallFile file;
  // O_NONBLOCK: a FIFO in place of the file must not hold the thread.
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  file.error = fd.isOpen() ? readAll(fd.get(), file, sizeMax) : errno;
  if (file.error != 0) file.bytes.clear();
  return file;
}

}  // namespace muleplex
