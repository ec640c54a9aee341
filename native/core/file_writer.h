// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_CORE_FILE_WRITER_H_
#define MULEPLEX_CORE_FILE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "file_batch.h"

namespace muleplex {

/// Writes a large file, past the page cache where the file system is known to do that well
/// (O_DIRECT of open(2)): nobody reads it soon, and the pages would cost more time than the disk.
class FileWriter {
 public:
  /// Bytes that are gathered before they are written.
  static constexpr size_t kStageSize = 1024 * 1024;

  /// `fd` is open for writing, stays so while this is used, and is the caller's to close. Throws
  /// std::bad_alloc.
  explicit FileWriter(int fd);

  /// Puts the bytes at `offset`, at once or later; where it is not the end of those before, they
  /// are written. Throws Failure kSystem, after which the writer is of no use.
  void write(ByteView bytes, uint64_t offset);
  /// Writes all that was gathered. Throws as write().
  void flush();

 private:
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };

  void writeAligned(uint64_t start, uint64_t end);
  void writePlain(uint64_t start, uint64_t end);
  /// Gives an errno value, or 0, and moves `start` to behind what was written.
  int put(uint64_t& start, uint64_t end);
  void setDirect(bool isDirect);

  int fd_;
  /// The file system is one of those.
  bool canBeDirect_;
  bool isDirect_ = false;
  std::unique_ptr<uint8_t, Free> stage_;
  /// Offset in the file of the stage's first byte: a multiple of the block size.
  uint64_t stageOffset_ = 0;
  /// What is gathered, as offsets in the file.
  uint64_t start_ = 0;
  uint64_t end_ = 0;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_FILE_WRITER_H_
