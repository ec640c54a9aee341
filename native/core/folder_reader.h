// SPDX-License-Identifier: GPL-2.0-or-later
// All that a recipe records of a folder's entries, in one call: Node lacks extended attributes,
// raw names with nanoseconds, and a way to ask for many entries at once.
#ifndef MULEPLEX_CORE_FOLDER_READER_H_
#define MULEPLEX_CORE_FOLDER_READER_H_

#include <sys/stat.h>

#include <cstddef>
#include <string>
#include <vector>

#include "file_extent.h"

namespace muleplex {

struct ExtendedAttribute {
  std::string name;
  std::string value;
};

struct FolderEntry {
  std::string name;
  /// errno of the first thing that could not be read; `stat` means something when statError is 0.
  int statError = 0;
  struct stat stat {};
  /// Target of a symbolic link.
  std::string target;
  int targetError = 0;
  /// Sorted by name. Files, folders and symbolic links; empty where the file system has none.
  std::vector<ExtendedAttribute> attributes;
  int attributesError = 0;
  /// Of a file with fewer blocks than bytes: where its data is, one empty range when it is all
  /// hole. None for all others, and where the file could not be opened, which reading it will show.
  std::vector<ByteRange> dataRanges;
};

/// More entries than this in one folder are refused: they are held at once.
inline constexpr size_t kFolderEntriesMax = 4 * 1024 * 1024;

/// The folder itself, under the empty name, then its entries but "." and "..", sorted by the bytes
/// of their names; no link is followed below `path`. Throws Failure kSystem when the folder cannot
/// be read, kLimit.
std::vector<FolderEntry> readFolder(const std::string& path);

/// What readFolders() found in one of its folders.
struct FolderReading {
  /// errno when it could not be read.
  int error = 0;
  /// As of readFolder().
  std::vector<FolderEntry> entries;
};

/// Folders behind this many entries wait for the next call.
inline constexpr size_t kFoldersEntriesMax = 8192;

/// readFolder() of the first of these folders, at least one of them: a call for each would cost
/// more than most folders do. Throws Failure kLimit.
std::vector<FolderReading> readFolders(const std::vector<std::string>& paths);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_FOLDER_READER_H_
