// SPDX-License-Identifier: GPL-2.0-or-later
#include "piece_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace muleplex {

int PieceReader::read(const std::string& path, uint64_t offset, uint8_t* out, size_t length,
                      size_t& bytesRead) {
  bytesRead = 0;
  if (!file_.isOpen() || path != path_) {
    // O_NONBLOCK: a FIFO in place of the file must not hold the thread.
    file_ = FileDescriptor(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file_.isOpen()) return errno;
    path_ = path;
    struct stat status {};
    if (fstat(file_.get(), &status) != 0) return errno;
    if (!S_ISREG(status.st_mode)) {
      file_.close();
      return EINVAL;
    }
  }
  while (bytesRead < length) {
    const ssize_t got = pread(file_.get(), out + bytesRead, length - bytesRead,
                              static_cast<off_t>(offset + bytesRead));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    bytesRead += static_cast<size_t>(got);
  }
  return 0;
}

int PieceReader::stat(struct stat& status) const {
  return fstat(file_.get(), &status) == 0 ? 0 : errno;
}

}  // namespace muleplex
