// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_CORE_DIRECTORY_H_
#define MULEPLEX_CORE_DIRECTORY_H_

#include <dirent.h>

#include <memory>
#include <string>

#include "file_descriptor.h"

namespace muleplex {

/// An open folder whose names are read one by one.
class Directory {
 public:
  struct Entry {
    std::string name;
    bool isFolder = false;
  };

  /// Takes a descriptor that was opened for reading. Throws Failure kSystem.
  explicit Directory(FileDescriptor folder);

  int fd() const { return dirfd(stream_.get()); }
  /// Reads the next name but "." and ".."; false at the end. Throws Failure kSystem.
  bool next(Entry& entry);
  void rewind() { rewinddir(stream_.get()); }

 private:
  struct Closer {
    void operator()(DIR* stream) const { closedir(stream); }
  };
  std::unique_ptr<DIR, Closer> stream_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_DIRECTORY_H_
