// SPDX-License-Identifier: GPL-2.0-or-later
// Names that the declarations of @hpke/core take from the browser's library; Node has them in a
// namespace.
import type { webcrypto } from 'node:crypto';

declare global {
  type CryptoKey = webcrypto.CryptoKey;
  type CryptoKeyPair = webcrypto.CryptoKeyPair;
  type KeyUsage = webcrypto.KeyUsage;
}
