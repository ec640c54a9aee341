// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_CORE_SMALL_FILE_READER_H_
#define MULEPLEX_CORE_SMALL_FILE_READER_H_

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace muleplex {

struct SmallFile {
  /// errno of what failed; EFBIG when the file is larger than allowed, EINVAL when it is not a
  /// regular file, ELOOP for a symbolic link.
  int error = 0;
  /// Taken after the bytes were read, so that a change meanwhile can be seen.
  struct stat stat {};
  std::vector<uint8_t> bytes;
};

/// The whole content of a regular file of at most `sizeMax` bytes, without following a link.
SmallFile readSmallFile(const std::string& path, size_t sizeMax);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_SMALL_FILE_READER_H_
