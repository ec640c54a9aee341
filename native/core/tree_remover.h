// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_CORE_TREE_REMOVER_H_
#define MULEPLEX_CORE_TREE_REMOVER_H_

#include <cstddef>
#include <string>

namespace muleplex {

/// Removes up to `entriesMax` entries of the folder `path`, and the folder when it is empty: true
/// when it is gone (also when it never was), false when there is more to do. Depth does not matter:
/// folders are moved up and emptied there, so only two are open at a time. No link is followed, no
/// other file system is entered (Failure kSystem, EXDEV or EBUSY). Folders that are not writable
/// are made so. Can be called again after any failure or crash. Throws Failure kSystem.
bool removeTreeSlice(const std::string& path, size_t entriesMax);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_TREE_REMOVER_H_
