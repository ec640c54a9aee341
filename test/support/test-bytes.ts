// SPDX-License-Identifier: GPL-2.0-or-later
import { createCipheriv } from 'node:crypto';

/** Bytes that look random and are the same in each run, quickly: AES-CTR over zeros. */
export function testBytes(size: number, seed = 0): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeUInt32BE(seed);
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), iv).update(Buffer.alloc(size));
}
