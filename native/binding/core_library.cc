// SPDX-License-Identifier: GPL-2.0-or-later
#include "core_library.h"

#include <dlfcn.h>

#include <stdexcept>

namespace muleplex {
namespace {

/// MULECORE_ABI of ControlC.h.
constexpr int kAbi = 1;

template <typename Function>
void bind(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(handle, name));
  if (function == nullptr) throw std::runtime_error(std::string("it has no ") + name);
}

}  // namespace

CoreLibrary::CoreLibrary(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) throw std::runtime_error(dlerror());

  int (*abi)() = nullptr;
  bind(handle, "mulecore_abi", abi);
  if (abi() != kAbi) throw std::runtime_error("it is of another version");
  bind(handle, "mulecore_run", run);
  bind(handle, "mulecore_request", request);
  bind(handle, "mulecore_set_event_handler", setEventHandler);
  bind(handle, "mulecore_stop", stop);
}

}  // namespace muleplex
