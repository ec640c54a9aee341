// SPDX-License-Identifier: GPL-2.0-or-later
// The handshake and the records between cores, written from docs/formats.md and the Noise
// specification with node:crypto and nothing of native/: what the kernels are compared with, and
// what a peer or an adversary of a real core speaks in tests.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  randomBytes,
} from 'node:crypto';

const PROTOCOL_NAME = Buffer.from('Noise_NNpsk0_25519_AESGCM_SHA256', 'latin1');
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const TAG_SIZE = 16;
const RECORD_PLAIN_SIZE_MAX = 262_144;
const RECORDS_PER_KEY = 65_536n;
const REKEY_NONCE = 2n ** 64n - 1n;

export type NoiseRole = 'initiator' | 'responder';

function privateKeyOf(raw: Buffer): ReturnType<typeof createPrivateKey> {
  return createPrivateKey({
    key: Buffer.concat([PRIVATE_PREFIX, raw]),
    format: 'der',
    type: 'pkcs8',
  });
}

function publicKeyOf(privateKey: Buffer): Buffer {
  const der = createPublicKey(privateKeyOf(privateKey)).export({ format: 'der', type: 'spki' });
  return der.subarray(PUBLIC_PREFIX.length);
}

function agree(privateKey: Buffer, publicKey: Buffer): Buffer {
  return diffieHellman({
    privateKey: privateKeyOf(privateKey),
    publicKey: createPublicKey({
      key: Buffer.concat([PUBLIC_PREFIX, publicKey]),
      format: 'der',
      type: 'spki',
    }),
  });
}

function hmac(key: Buffer, ...parts: Buffer[]): Buffer {
  return createHmac('sha256', key).update(Buffer.concat(parts)).digest();
}

function hkdf(chain: Buffer, input: Buffer, count: number): Buffer[] {
  const temporary = hmac(chain, input);
  const outputs: Buffer[] = [];
  for (let i = 1; i <= count; i += 1) {
    outputs.push(hmac(temporary, outputs.at(-1) ?? Buffer.alloc(0), Buffer.from([i])));
  }
  return outputs;
}

function nonceOf(counter: bigint): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(counter, 4);
  return nonce;
}

function seal(key: Buffer, counter: bigint, aad: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(counter));
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Throws when the tag does not match. */
function open(key: Buffer, counter: bigint, aad: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(counter), {
    authTagLength: TAG_SIZE,
  });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_SIZE));
  return Buffer.concat([
    decipher.update(sealed.subarray(0, sealed.length - TAG_SIZE)),
    decipher.final(),
  ]);
}

/** One side of one handshake. `write` and `read` in turn; the initiator begins. */
export class ReferenceHandshake {
  readonly #role: NoiseRole;
  readonly #ephemeral: Buffer;
  #hash: Buffer;
  #chain: Buffer;
  #key: Buffer = Buffer.alloc(32);
  #nonce = 0n;
  #messages = 0;

  constructor(role: NoiseRole, psk: Buffer, prologue: Buffer, ephemeral: Buffer = randomBytes(32)) {
    this.#role = role;
    this.#ephemeral = ephemeral;
    this.#hash = PROTOCOL_NAME;
    this.#chain = PROTOCOL_NAME;
    this.#mixHash(prologue);
    const [chain, forHash, key] = hkdf(this.#chain, psk, 3) as [Buffer, Buffer, Buffer];
    this.#chain = chain;
    this.#mixHash(forHash);
    this.#key = key;
  }

  get hash(): Buffer {
    return this.#hash;
  }

  write(payload = Buffer.alloc(0)): Buffer {
    const publicKey = publicKeyOf(this.#ephemeral);
    this.#mixEphemeral(publicKey);
    if (this.#messages === 1) this.#mixKey(agree(this.#ephemeral, this.remoteKey()));
    this.#messages += 1;
    const sealed = seal(this.#key, this.#nonce, this.#hash, payload);
    this.#nonce += 1n;
    this.#mixHash(sealed);
    return Buffer.concat([publicKey, sealed]);
  }

  /** The payload; throws for a message that the peer did not write for this turn. */
  read(message: Buffer): Buffer {
    this.#remote = message.subarray(0, 32);
    this.#mixEphemeral(this.#remote);
    if (this.#messages === 1) this.#mixKey(agree(this.#ephemeral, this.#remote));
    this.#messages += 1;
    const sealed = message.subarray(32);
    const payload = open(this.#key, this.#nonce, this.#hash, sealed);
    this.#nonce += 1n;
    this.#mixHash(sealed);
    return payload;
  }

  keys(): { readonly send: Buffer; readonly receive: Buffer } {
    const [first, second] = hkdf(this.#chain, Buffer.alloc(0), 2) as [Buffer, Buffer];
    return this.#role === 'initiator'
      ? { send: first, receive: second }
      : { send: second, receive: first };
  }

  #remote: Buffer | undefined;

  private remoteKey(): Buffer {
    if (this.#remote === undefined) throw new Error('the first message was not read');
    return this.#remote;
  }

  #mixHash(data: Buffer): void {
    this.#hash = createHash('sha256').update(this.#hash).update(data).digest();
  }

  #mixKey(input: Buffer): void {
    const [chain, key] = hkdf(this.#chain, input, 2) as [Buffer, Buffer];
    this.#chain = chain;
    this.#key = key;
    this.#nonce = 0n;
  }

  #mixEphemeral(publicKey: Buffer): void {
    this.#mixHash(publicKey);
    this.#mixKey(publicKey);
  }
}

class ReferenceCounter {
  protected key: Buffer;
  protected counter = 0n;

  constructor(key: Buffer) {
    this.key = key;
  }

  protected count(): void {
    this.counter += 1n;
    if (this.counter % RECORDS_PER_KEY === 0n) {
      this.key = seal(this.key, REKEY_NONCE, Buffer.alloc(0), Buffer.alloc(32)).subarray(0, 32);
    }
  }
}

function lengthBytes(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(length);
  return bytes;
}

export class ReferenceEncoder extends ReferenceCounter {
  /** All bytes, in as many records as they need. */
  encode(plain: Buffer): Buffer {
    const records: Buffer[] = [];
    for (let start = 0; start < plain.length; start += RECORD_PLAIN_SIZE_MAX) {
      const piece = plain.subarray(start, start + RECORD_PLAIN_SIZE_MAX);
      const header = lengthBytes(piece.length + TAG_SIZE);
      records.push(header, seal(this.key, this.counter, header, piece));
      this.count();
    }
    return Buffer.concat(records);
  }
}

export class ReferenceDecoder extends ReferenceCounter {
  #pending: Buffer = Buffer.alloc(0);

  /** The plain bytes of the records that are complete; throws for one that is not the next. */
  decode(bytes: Buffer): Buffer {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    const plain: Buffer[] = [];
    for (;;) {
      if (this.#pending.length < 4) break;
      const length = this.#pending.readUInt32LE(0);
      if (length <= TAG_SIZE || length > RECORD_PLAIN_SIZE_MAX + TAG_SIZE) {
        throw new Error(`a record of ${length} bytes`);
      }
      if (this.#pending.length < 4 + length) break;
      const header = this.#pending.subarray(0, 4);
      plain.push(open(this.key, this.counter, header, this.#pending.subarray(4, 4 + length)));
      this.count();
      this.#pending = this.#pending.subarray(4 + length);
    }
    return Buffer.concat(plain);
  }
}
