// SPDX-License-Identifier: GPL-2.0-or-later
// Many small file-system changes in one call. With a root, paths are relative to it and no folder
// on the way to an entry may be a symbolic link, so a hostile recipe cannot write outside.
#ifndef MULEPLEX_CORE_FILE_BATCH_H_
#define MULEPLEX_CORE_FILE_BATCH_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "file_descriptor.h"

namespace muleplex {

enum class FileOperationKind : uint8_t {
  kMakeFolder,    ///< path, mode
  kMakeFile,      ///< path, mode, pieces, offsets, size; must not exist
  kHardLink,      ///< path = new name, other = existing entry (a link itself, not its target)
  kSymbolicLink,  ///< path = new name, other = target, taken as it is
  kChangeMode,    ///< path, mode; not for symbolic links
  kChangeOwner,   ///< path, uid, gid; of a symbolic link itself
  kSetTime,       ///< path, seconds, nanoseconds: mtime, of a symbolic link itself
  kSetAttribute,  ///< path, name, value: extended attribute
  kRemoveFile,    ///< path
  kRemoveFolder,  ///< path; must be empty
  kUnshareFile,   ///< path, mode: a copy takes the place of the link; shares extents if possible
};

/// Bytes that the caller keeps alive until the batch is done.
struct ByteView {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

struct FileOperation {
  FileOperationKind kind = FileOperationKind::kMakeFolder;
  std::string path;
  std::string other;
  std::string name;
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
  std::vector<ByteView> pieces;
  /// Where each piece goes; between them are holes.
  std::vector<uint64_t> offsets;
  uint64_t size = 0;
};

/// Opens the folders of entries, remembering the last one: batches go folder by folder.
class PathResolver {
 public:
  /// Paths are used as given: absolute, or relative to the working folder.
  PathResolver() = default;
  /// Paths are relative to `root` and stay beneath it. Throws Failure kSystem.
  explicit PathResolver(const std::string& root);

  /// Sets `folder` (valid until the next call) and `name` so that `name` in `folder` is the entry.
  /// Returns 0 or an errno value: EINVAL for an empty path, ".", ".." or a leading "/" beneath a
  /// root, ENOTDIR or ELOOP where a folder on the way is none.
  int resolve(const std::string& path, int& folder, std::string& name);

  /// To be called after folders were removed: their paths may name others now.
  void forget();

 private:
  int openFolder(const std::string& path);

  FileDescriptor root_;
  std::string lastPath_;
  FileDescriptor last_;
};

/// Does the operations in order; each fails on its own. Gives an errno value, or 0, for each.
/// `others` resolves the existing entry of kHardLink, beneath the same root.
std::vector<int32_t> runFileBatch(PathResolver& paths, PathResolver& others,
                                  const std::vector<FileOperation>& operations);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_FILE_BATCH_H_
