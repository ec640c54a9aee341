// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdlib>
#include <filesystem>

#include "test.h"

namespace muleplex::test {

std::vector<Test>& allTests() {
  static std::vector<Test> tests;
  return tests;
}

Bytes testBytes(size_t size, uint64_t seed) {
  Bytes bytes(size);
  // A 64-bit linear congruential generator; its upper byte is random enough for cut points.
  uint64_t state = seed;
  for (uint8_t& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<uint8_t>(state >> 56);
  }
  return bytes;
}

Bytes fromHex(std::string_view hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string toHex(const uint8_t* data, size_t size) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (size_t i = 0; i < size; ++i) {
    hex.push_back(kDigits[data[i] >> 4]);
    hex.push_back(kDigits[data[i] & 15]);
  }
  return hex;
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "muleplex-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace muleplex::test

/// Runs the tests whose names contain the argument, or all.
int main(int argc, char** argv) {
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  size_t runCount = 0, failedCount = 0;
  for (const auto& test : muleplex::test::allTests()) {
    if (std::string_view(test.name).find(wanted) == std::string_view::npos) continue;
    ++runCount;
    try {
      test.body();
    } catch (const std::exception& error) {
      ++failedCount;
      std::printf("FAILED %s\n  %s\n", test.name, error.what());
    }
  }
  std::printf("%zu native tests, %zu failed\n", runCount, failedCount);
  return failedCount == 0 && runCount > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
