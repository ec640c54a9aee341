// SPDX-License-Identifier: GPL-2.0-or-later
// Reads pieces of files for chunking: hundreds of small files, or the next megabytes of a big one,
// in one call.
#ifndef MULEPLEX_CORE_PIECE_READER_H_
#define MULEPLEX_CORE_PIECE_READER_H_

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "file_descriptor.h"

namespace muleplex {

/// Reads one piece after the other and keeps the last file open for a next piece of it.
class PieceReader {
 public:
  /// Opens the file without following a link and reads up to `length` bytes from `offset`; fewer
  /// only at its end, as `bytesRead` says. Returns 0 or an errno value: EINVAL when it is not a
  /// regular file, ELOOP for a symbolic link.
  int read(const std::string& path, uint64_t offset, uint8_t* out, size_t length,
           size_t& bytesRead);

  /// State of the file of the last read() that gave 0, now: a change during the read shows in it.
  int stat(struct stat& status) const;

 private:
  std::string path_;
  FileDescriptor file_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_PIECE_READER_H_
