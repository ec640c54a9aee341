// SPDX-License-Identifier: GPL-2.0-or-later
// No text of a path resolves to an entry outside the root, which has a link that leads out.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "check.h"
#include "file_batch.h"

namespace {

std::string makeRoot() {
  char pattern[] = "/tmp/muleplex-fuzz-XXXXXX";
  MULEPLEX_CHECK(mkdtemp(pattern) != nullptr);
  const std::string root = pattern;
  MULEPLEX_CHECK(mkdir((root + "/a").c_str(), 0755) == 0);
  MULEPLEX_CHECK(mkdir((root + "/a/b").c_str(), 0755) == 0);
  MULEPLEX_CHECK(symlink("/", (root + "/l").c_str()) == 0);
  MULEPLEX_CHECK(symlink("..", (root + "/a/l").c_str()) == 0);
  return root;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string kRoot = makeRoot();
  static const int kRemovesRoot = std::atexit([] { std::filesystem::remove_all(kRoot); });
  MULEPLEX_CHECK(kRemovesRoot == 0);
  static muleplex::PathResolver resolver(kRoot);
  // Letters that make paths; random bytes would hardly ever give a slash.
  static constexpr char kLetters[] = {'/', '.', 'a', 'b', 'l', '\0', '/', '.'};
  std::string path;
  for (size_t i = 0; i < size && i < 64; ++i) path.push_back(kLetters[data[i] & 7]);
  int folder = -1;
  std::string name;
  if (resolver.resolve(path, folder, name) != 0) return 0;
  MULEPLEX_CHECK(name.find('/') == std::string::npos && name != "." && name != "..");
  MULEPLEX_CHECK(!name.empty() && name.find('\0') == std::string::npos);
  char link[64], real[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  const ssize_t length = readlink(link, real, sizeof real);
  MULEPLEX_CHECK(length > 0);
  MULEPLEX_CHECK(std::string(real, static_cast<size_t>(length)).rfind(kRoot, 0) == 0);
  return 0;
}
