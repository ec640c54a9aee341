// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_writer.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "failure.h"
#include "file_extent.h"

namespace muleplex {
namespace {

/// A multiple of what disks ask of addresses, offsets and lengths; one that asks for more says
/// EINVAL.
constexpr size_t kBlockSize = 4096;

constexpr long kXfsMagic = 0x58465342;

uint64_t roundedDown(uint64_t offset) { return offset - offset % kBlockSize; }
uint64_t roundedUp(uint64_t offset) { return roundedDown(offset + kBlockSize - 1); }

/// Elsewhere it may be slow (a network), or lose what the page cache is needed for (compression).
bool writesDirectlyWell(int fd) {
  struct statfs status {};
  if (fstatfs(fd, &status) != 0) return false;
  const long type = static_cast<long>(status.f_type);
  return type == EXT4_SUPER_MAGIC || type == kXfsMagic;
}

}  // namespace

FileWriter::FileWriter(int fd)
    : fd_(fd),
      canBeDirect_(writesDirectlyWell(fd)),
      stage_(static_cast<uint8_t*>(std::aligned_alloc(kBlockSize, kStageSize))) {
  if (stage_ == nullptr) throw std::bad_alloc();
}

void FileWriter::write(ByteView bytes, uint64_t offset) {
  if (offset != end_) {
    flush();
    start_ = end_ = offset;
    stageOffset_ = roundedDown(offset);
  }
  for (size_t done = 0; done < bytes.size;) {
    const size_t used = static_cast<size_t>(end_ - stageOffset_);
    const size_t size = std::min(bytes.size - done, kStageSize - used);
    std::memcpy(stage_.get() + used, bytes.data + done, size);
    done += size;
    end_ += size;
    if (used + size == kStageSize) flush();
  }
}

void FileWriter::flush() {
  const uint64_t first = std::min(roundedUp(start_), end_);
  const uint64_t last = std::max(roundedDown(end_), first);
  if (canBeDirect_ && first < last) {
    writePlain(start_, first);
    writeAligned(first, last);
    writePlain(last, end_);
  } else {
    writePlain(start_, end_);
  }
  start_ = end_;
  stageOffset_ = roundedDown(end_);
}

void FileWriter::writeAligned(uint64_t start, uint64_t end) {
  setDirect(true);
  const int error = put(start, end);
  if (error == 0) return;
  // The disk asks for more, or a write ended short of a block. Any other error comes again.
  canBeDirect_ = false;
  writePlain(start, end);
}

void FileWriter::writePlain(uint64_t start, uint64_t end) {
  if (start == end) return;
  setDirect(false);
  const uint64_t first = start;
  const int error = put(start, end);
  if (error != 0) throw Failure::system("write", error);
  startWriteback(fd_, first, end - first);
}

int FileWriter::put(uint64_t& start, uint64_t end) {
  while (start < end) {
    const ssize_t written = pwrite(fd_, stage_.get() + (start - stageOffset_),
                                   static_cast<size_t>(end - start), static_cast<off_t>(start));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    start += static_cast<uint64_t>(written);
  }
  return 0;
}

void FileWriter::setDirect(bool isDirect) {
  if (isDirect == isDirect_) return;
  const int flags = fcntl(fd_, F_GETFL);
  const int wanted = isDirect ? flags | O_DIRECT : flags & ~O_DIRECT;
  // Where it is refused, writes go on as before, or say what is wrong.
  if (flags >= 0 && fcntl(fd_, F_SETFL, wanted) == 0) isDirect_ = isDirect;
}

}  // namespace muleplex
