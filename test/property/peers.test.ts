// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReplicationError } from '../../src/base/errors.ts';
import { PEER_BACKOFF_MAX_MS, PEER_BACKOFF_MIN_MS } from '../../src/base/limits.ts';
import { Backoff } from '../../src/peers/backoff.ts';
import { checkedLength } from '../../src/peers/request-body.ts';
import { decodeOffer, encodeOffer } from '../../src/peers/routes.ts';

const part = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((array) => Buffer.from(array));

const offer = fc.record(
  { header: part, genesis: part, secrets: fc.option(part) },
  { noNullPrototype: true },
);

function isRefusal(run: () => unknown, code: string): boolean {
  try {
    run();
    return false;
  } catch (error) {
    return error instanceof ReplicationError && error.code === code;
  }
}

test('an offer comes back from its bytes', () => {
  fc.assert(
    fc.property(offer, (value) => assert.deepEqual(decodeOffer(encodeOffer(value)), value)),
  );
});

test('an offer that is cut or changed is another offer or malformed, nothing else', () => {
  fc.assert(
    fc.property(offer, fc.nat(), fc.nat(255), fc.boolean(), (value, position, byte, isCut) => {
      const bytes = encodeOffer(value);
      const at = position % bytes.length;
      const changed = isCut ? bytes.subarray(0, at) : Buffer.from(bytes);
      if (!isCut) changed.writeUInt8(byte, at);
      if (isRefusal(() => decodeOffer(changed), 'ERR_REQUEST_MALFORMED')) return;
      assert.deepEqual(encodeOffer(decodeOffer(changed)), changed);
    }),
  );
});

test('bytes at random are no offer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.ok(isRefusal(() => decodeOffer(Buffer.from(bytes)), 'ERR_REQUEST_MALFORMED'));
    }),
  );
});

test('a length passes only when it is a decimal number within the limit', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.nat().map(String), fc.constant(undefined)),
      fc.nat(),
      fc.boolean(),
      (header, size, exact) => {
        const limit = { size, exact };
        const refused =
          isRefusal(() => checkedLength(header, limit), 'ERR_REQUEST_MALFORMED') ||
          isRefusal(() => checkedLength(header, limit), 'ERR_LIMIT_EXCEEDED');
        if (refused) return;
        const length = checkedLength(header, limit);
        assert.equal(String(length), header ?? '0');
        assert.ok(exact ? length === size : length <= size);
      },
    ),
  );
});

test('pauses grow to their bound, are never shorter than half, and start again', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.nat(2_000),
      (random, failures) => {
        const backoff = new Backoff(() => random);
        let last = 0;
        for (let index = 0; index < failures % 40; index += 1) {
          const pause = backoff.nextMs();
          assert.ok(
            pause >= last && pause >= PEER_BACKOFF_MIN_MS / 2 && pause <= PEER_BACKOFF_MAX_MS,
          );
          last = pause;
        }
        backoff.reset();
        assert.ok(backoff.nextMs() <= PEER_BACKOFF_MIN_MS);
      },
    ),
  );
});
