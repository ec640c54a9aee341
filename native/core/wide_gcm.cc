// SPDX-License-Identifier: GPL-2.0-or-later
#include "wide_gcm.h"

#if defined(__x86_64__)
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include "cpu_level.h"
#endif

namespace muleplex {

#if defined(__x86_64__)

namespace {

constexpr size_t kTagSize = 16;

/// Null without the instructions. Never freed: threads may still use it when the process ends.
const IMB_MGR* makeManager() {
  if (cpuLevel() != CpuLevel::kAvx512) return nullptr;
  IMB_MGR* manager = alloc_mb_mgr(0);
  if (manager == nullptr) return nullptr;
  init_mb_mgr_avx512(manager);
  constexpr uint64_t kNeeded = IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;
  if (imb_get_errno(manager) == 0 && (manager->features & kNeeded) == kNeeded) return manager;
  free_mb_mgr(manager);
  return nullptr;
}

/// Only its table of functions is used, which does not change: threads may share it.
const IMB_MGR* theManager() {
  static const IMB_MGR* const kManager = makeManager();
  return kManager;
}

/// What a message leaves behind.
struct Message {
  ~Message() { OPENSSL_cleanse(&context, sizeof context); }

  gcm_context_data context;
};

}  // namespace

struct WideGcm::Key {
  ~Key() { OPENSSL_cleanse(&data, sizeof data); }

  gcm_key_data data;
};

std::unique_ptr<WideGcm> WideGcm::make(const uint8_t* key) {
  if (theManager() == nullptr) return nullptr;
  auto made = std::make_unique<Key>();
  IMB_AES256_GCM_PRE(theManager(), key, &made->data);
  return std::unique_ptr<WideGcm>(new WideGcm(std::move(made)));
}

void WideGcm::seal(const uint8_t* nonce, const uint8_t* aad, size_t aadSize, const uint8_t* in,
                   size_t size, uint8_t* out, uint8_t* tag) const {
  Message message;
  IMB_AES256_GCM_ENC(theManager(), &key_->data, &message.context, out, in, size, nonce, aad,
                     aadSize, tag, kTagSize);
}

void WideGcm::open(const uint8_t* nonce, const uint8_t* aad, size_t aadSize, const uint8_t* in,
                   size_t size, uint8_t* out, uint8_t* tag) const {
  Message message;
  IMB_AES256_GCM_DEC(theManager(), &key_->data, &message.context, out, in, size, nonce, aad,
                     aadSize, tag, kTagSize);
}

#else

struct WideGcm::Key {};

std::unique_ptr<WideGcm> WideGcm::make(const uint8_t*) { return nullptr; }
void WideGcm::seal(const uint8_t*, const uint8_t*, size_t, const uint8_t*, size_t, uint8_t*,
                   uint8_t*) const {}
void WideGcm::open(const uint8_t*, const uint8_t*, size_t, const uint8_t*, size_t, uint8_t*,
                   uint8_t*) const {}

#endif

WideGcm::WideGcm(std::unique_ptr<Key> key) : key_(std::move(key)) {}

WideGcm::~WideGcm() = default;

}  // namespace muleplex
