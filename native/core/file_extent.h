// SPDX-License-Identifier: GPL-2.0-or-later
// Reservation of space, holes, and flushing of data to disk: calls that Node does not offer.
#ifndef MULEPLEX_CORE_FILE_EXTENT_H_
#define MULEPLEX_CORE_FILE_EXTENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace muleplex {

/// Half-open range of bytes.
struct ByteRange {
  uint64_t start = 0;
  uint64_t end = 0;
};

/// A file with more separate ranges of data counts as one without holes.
inline constexpr size_t kDataRangesMax = 65536;

/// Ranges below `size` that hold data, in order; the rest are holes. One range for the whole file
/// where the file system cannot tell. Moves the file position. Throws Failure kSystem.
std::vector<ByteRange> dataRanges(int fd, uint64_t size);

/// Reserves blocks for the first `size` bytes and makes the file at least so long. Throws Failure
/// kSystem (ENOSPC; EOPNOTSUPP where the file system cannot reserve: nothing is emulated).
void allocate(int fd, uint64_t size);

/// Lets the system begin to write what the file has there to disk. A hint: it does not wait for the
/// data, and errors are left to the sync that follows.
void startWriteback(int fd, uint64_t offset, uint64_t length);

/// Writes all dirty data of the file system that holds `path` to disk. Throws Failure kSystem,
/// also for write errors since the folder was opened.
void syncFileSystem(const std::string& path);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_FILE_EXTENT_H_
