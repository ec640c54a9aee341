// SPDX-License-Identifier: GPL-2.0-or-later
// The smallest test runner that serves: a test is a sentence and a body, a failed EXPECT names its
// line and ends the test.
#ifndef MULEPLEX_TEST_TEST_H_
#define MULEPLEX_TEST_TEST_H_

#include <cstdint>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muleplex::test {

struct Test {
  const char* name;
  std::function<void()> body;
};

std::vector<Test>& allTests();

struct Registration {
  Registration(const char* name, std::function<void()> body) {
    allTests().push_back({name, std::move(body)});
  }
};

[[noreturn]] inline void fail(const char* file, int line, const std::string& what) {
  throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

using Bytes = std::vector<uint8_t>;

/// Bytes that look random and are the same in each run.
Bytes testBytes(size_t size, uint64_t seed = 1);
Bytes fromHex(std::string_view hex);
std::string toHex(const uint8_t* data, size_t size);
inline const uint8_t* asBytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

/// A new empty folder, removed with all in it at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace muleplex::test

#define MULEPLEX_JOIN_(a, b) a##b
#define MULEPLEX_JOIN(a, b) MULEPLEX_JOIN_(a, b)
#define TEST(name)                                                                       \
  static void MULEPLEX_JOIN(testBody, __LINE__)();                                       \
  static const ::muleplex::test::Registration MULEPLEX_JOIN(testRegistration, __LINE__)( \
      name, MULEPLEX_JOIN(testBody, __LINE__));                                          \
  static void MULEPLEX_JOIN(testBody, __LINE__)()
#define EXPECT(condition)                                                     \
  do {                                                                        \
    if (!(condition)) ::muleplex::test::fail(__FILE__, __LINE__, #condition); \
  } while (false)

#endif  // MULEPLEX_TEST_TEST_H_
