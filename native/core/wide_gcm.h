// SPDX-License-Identifier: GPL-2.0-or-later
// AES-256-GCM of Intel's Multi-Buffer Crypto library, which works on sixteen blocks at once where
// the processor has VAES and VPCLMULQDQ; OpenSSL 3.0 does not use those and takes more than twice
// the time. The bytes are the same. Only crypto.cc calls it.
#ifndef MULEPLEX_CORE_WIDE_GCM_H_
#define MULEPLEX_CORE_WIDE_GCM_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace muleplex {

class WideGcm {
 public:
  /// Null where the processor, or what cpuLevel() allows, has no such instructions. `key` is 32
  /// bytes.
  static std::unique_ptr<WideGcm> make(const uint8_t* key);

  /// Erases the key.
  ~WideGcm();
  WideGcm(const WideGcm&) = delete;
  WideGcm& operator=(const WideGcm&) = delete;

  /// `out` takes `size` bytes and may be `in` itself. Both directions write the 16 bytes of the
  /// right tag: whoever opens compares. The nonce is 12 bytes.
  void seal(const uint8_t* nonce, const uint8_t* aad, size_t aadSize, const uint8_t* in,
            size_t size, uint8_t* out, uint8_t* tag) const;
  void open(const uint8_t* nonce, const uint8_t* aad, size_t aadSize, const uint8_t* in,
            size_t size, uint8_t* out, uint8_t* tag) const;

 private:
  struct Key;

  explicit WideGcm(std::unique_ptr<Key> key);

  std::unique_ptr<Key> key_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_WIDE_GCM_H_
