// SPDX-License-Identifier: GPL-2.0-or-later
// libmulecore.so, loaded. Its interface is src/muleplex/ControlC.h of the patched aMule; the types
// below repeat it, because the addon is built without the sources of aMule.
#ifndef MULEPLEX_BINDING_CORE_LIBRARY_H_
#define MULEPLEX_BINDING_CORE_LIBRARY_H_

#include <cstddef>
#include <string>

namespace muleplex {

class CoreLibrary {
 public:
  /// The packet is valid during the call; null when the core stopped first.
  using Reply = void (*)(void* context, const unsigned char* packet, size_t length);
  using EventHandler = void (*)(void* context, const unsigned char* packet, size_t length);

  /// Throws std::runtime_error when the file is no libmulecore of this version. The library stays
  /// loaded for the rest of the process: it leaves threads and handlers behind.
  explicit CoreLibrary(const std::string& path);

  int (*run)(int argc, char** argv) = nullptr;
  int (*request)(const unsigned char* packet, size_t length, Reply reply, void* context) = nullptr;
  void (*setEventHandler)(EventHandler handler, void* context) = nullptr;
  void (*stop)() = nullptr;
};

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_CORE_LIBRARY_H_
