// SPDX-License-Identifier: GPL-2.0-or-later
#include "folder_reader.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "directory.h"
#include "failure.h"
#include "file_descriptor.h"

namespace muleplex {
namespace {

// Between asking for a size and reading, the value may grow; more tries than this is a writer at
// work, and the entry is reported as unreadable.
constexpr int kGrowthTriesMax = 8;

/// Fills `out` by `read(buffer, size)`, which like readlink or getxattr gives a length or -1.
/// `sizeHint` is tried first. Returns 0 or an errno value.
template <typename Read>
int readGrowing(std::string& out, size_t sizeHint, Read read) {
  size_t capacity = std::max<size_t>(sizeHint, 16);
  for (int tries = 0; tries < kGrowthTriesMax; ++tries, capacity *= 4) {
    out.resize(capacity);
    const ssize_t length = read(out.data(), capacity);
    if (length >= 0 && static_cast<size_t>(length) < capacity) {
      out.resize(static_cast<size_t>(length));
      return 0;
    }
    if (length < 0 && errno != ERANGE) return errno;
  }
  return EAGAIN;
}

bool hasNoAttributes(int error) { return error == ENOTSUP || error == ENOSYS; }

int readAttributes(const std::string& path, std::vector<ExtendedAttribute>& out) {
  // Most entries have none, which costs one call.
  const ssize_t listSize = llistxattr(path.c_str(), nullptr, 0);
  if (listSize == 0) return 0;
  if (listSize < 0) return hasNoAttributes(errno) ? 0 : errno;
  std::string names;
  int error = readGrowing(names, static_cast<size_t>(listSize) + 1,
                          [&](char* p, size_t n) { return llistxattr(path.c_str(), p, n); });
  if (error != 0) return error;
  for (size_t start = 0; start < names.size();) {
    ExtendedAttribute attribute{names.c_str() + start, {}};
    start += attribute.name.size() + 1;
    error = readGrowing(attribute.value, 256, [&](char* p, size_t n) {
      return lgetxattr(path.c_str(), attribute.name.c_str(), p, n);
    });
    // It went between the list and now, or it is one that only root may see.
    if (error == ENODATA) continue;
    if (error != 0) return error;
    out.push_back(std::move(attribute));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return 0;
}

/// Where the data of a sparse file is; one empty range for a file that is all hole.
std::vector<ByteRange> readDataRanges(int folder, const FolderEntry& entry) {
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const FileDescriptor file(openat(folder, entry.name.c_str(), flags));
  if (!file.isOpen()) return {};
  std::vector<ByteRange> ranges = dataRanges(file.get(), static_cast<uint64_t>(entry.stat.st_size));
  if (ranges.empty()) ranges.push_back({0, 0});
  return ranges;
}

bool isSparse(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_blocks * 512 < status.st_size;
}

void readEntry(int folder, const std::string& folderPath, FolderEntry& entry) {
  if (fstatat(folder, entry.name.c_str(), &entry.stat, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0) {
    entry.statError = errno;
    return;
  }
  const mode_t type = entry.stat.st_mode & S_IFMT;
  if (type == S_IFLNK) {
    entry.targetError = readGrowing(
        entry.target, static_cast<size_t>(entry.stat.st_size) + 1,
        [&](char* p, size_t n) { return readlinkat(folder, entry.name.c_str(), p, n); });
  }
  if (type == S_IFLNK || type == S_IFREG || type == S_IFDIR) {
    entry.attributesError = readAttributes(folderPath + "/" + entry.name, entry.attributes);
  }
  if (isSparse(entry.stat)) entry.dataRanges = readDataRanges(folder, entry);
}

}  // namespace

std::vector<FolderEntry> readFolder(const std::string& path) {
  FileDescriptor descriptor(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.isOpen()) throw Failure::system("open", errno);
  Directory directory(std::move(descriptor));
  std::vector<FolderEntry> entries(1);
  for (Directory::Entry found; directory.next(found);) {
    if (entries.size() == kFolderEntriesMax) {
      throw Failure(FailureKind::kLimit, "the folder has too many entries");
    }
    entries.emplace_back().name = found.name;
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  for (FolderEntry& entry : entries) readEntry(directory.fd(), path, entry);
  return entries;
}

std::vector<FolderReading> readFolders(const std::vector<std::string>& paths) {
  std::vector<FolderReading> readings;
  size_t count = 0;
  for (const std::string& path : paths) {
    if (count >= kFoldersEntriesMax) break;
    FolderReading& reading = readings.emplace_back();
    try {
      reading.entries = readFolder(path);
    } catch (const Failure& failure) {
      if (failure.kind() != FailureKind::kSystem) throw;
      reading.error = failure.systemError();
    }
    count += reading.entries.size();
  }
  return readings;
}

}  // namespace muleplex
