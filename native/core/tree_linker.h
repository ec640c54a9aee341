// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_CORE_TREE_LINKER_H_
#define MULEPLEX_CORE_TREE_LINKER_H_

#include <cstddef>
#include <string>
#include <vector>

namespace muleplex {

struct LinkedFolders {
  /// How many of the folders are done, from the first on.
  size_t folderCount = 0;
  /// Folders that were found in them, which are still to be linked; relative to the tree.
  std::vector<std::string> folders;
};

/// Folders behind this many entries wait for the next call.
inline constexpr size_t kLinkedEntriesMax = 4096;

/// Makes folders of the tree `from` in the tree `to` and gives them hard links to all that is not a
/// folder; both trees are names beneath `root`, and paths are relative to them ("" is the tree
/// itself). A made folder has the owner, mode and time of the other, and is always open to its
/// owner. What is there already stays; what cannot be linked (too many links, another file system,
/// a folder that cannot be read) is left out. No link is followed. Can be called again after any
/// failure or crash. Throws Failure kSystem when the file system has no room or fails.
LinkedFolders linkFolders(const std::string& root, const std::string& from, const std::string& to,
                          const std::vector<std::string>& paths);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_TREE_LINKER_H_
