// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { hasCode } from '../../../src/base/errors.ts';
import type { ErrorCode } from '../../../src/base/errors.ts';
import { EC_LOGIN_PAYLOAD_SIZE_MAX, EC_QUEUE_MAX } from '../../../src/base/limits.ts';
import { EcClient } from '../../../src/ec/client.ts';
import { EcConnection } from '../../../src/ec/connection.ts';
import type { EcConnectionInit } from '../../../src/ec/connection.ts';
import { encodeFrame } from '../../../src/ec/framing.ts';
import { EC_OP } from '../../../src/ec/opcodes.ts';
import { bytesTag, intTag } from '../../../src/ec/tag.ts';
import { EC_TAG } from '../../../src/ec/tags.ts';
import { FAKE_PASSWORD, FakeCore, failed, noop } from '../../support/fake-core.ts';

const PING = { opcode: EC_OP.GET_CONNSTATE, tags: [] };

let core: FakeCore;

function init(change: Partial<EcConnectionInit> = {}): EcConnectionInit {
  return {
    address: core.address,
    password: FAKE_PASSWORD,
    clientName: 'test',
    clientVersion: '1',
    zlib: false,
    utf8Numbers: false,
    ...change,
  };
}

async function rejectsWith(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => hasCode(error, code));
}

beforeEach(async () => {
  core = await FakeCore.start();
});

afterEach(async () => {
  await core.stop();
});

describe('an EC login', () => {
  it('succeeds with the right password and is refused with a wrong one', async () => {
    const connection = await EcConnection.open(init());
    assert.equal(connection.serverVersion, 'fake');
    await connection.close();
    await rejectsWith('ERR_EC_AUTH_REFUSED', EcConnection.open(init({ password: 'wrong' })));
  });

  it('fails with a code when nobody listens', async () => {
    const { address } = core;
    await core.stop();
    await rejectsWith('ERR_EC_CLOSED', EcConnection.open(init({ address })));
  });

  it('fails with a code when the core is silent, leaves, or talks nonsense', async () => {
    core.login = () => 'silence';
    await rejectsWith('ERR_EC_CLOSED', EcConnection.open(init({ loginTimeoutMs: 20 })));
    core.login = () => 'close';
    await rejectsWith('ERR_EC_CLOSED', EcConnection.open(init()));
    core.login = () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n');
    await rejectsWith('ERR_EC_MALFORMED', EcConnection.open(init()));
    core.login = () => noop();
    await rejectsWith('ERR_EC_MALFORMED', EcConnection.open(init()));
    core.login = () => ({ opcode: EC_OP.AUTH_SALT, tags: [] });
    await rejectsWith('ERR_EC_MALFORMED', EcConnection.open(init()));
  });

  it('takes no long packet from a core that has not proved to be one', async () => {
    const salt = bytesTag(EC_TAG.PASSWD_SALT, Buffer.alloc(EC_LOGIN_PAYLOAD_SIZE_MAX));
    core.login = () => ({ opcode: EC_OP.AUTH_SALT, tags: [salt] });
    await rejectsWith('ERR_EC_MALFORMED', EcConnection.open(init()));
  });

  it('ends with the reason of the signal', async () => {
    core.login = () => 'silence';
    const abort = new AbortController();
    const opening = EcConnection.open(init(), abort.signal);
    abort.abort();
    await assert.rejects(opening, { name: 'AbortError' });
    await assert.rejects(EcConnection.open(init(), abort.signal), { name: 'AbortError' });
  });
});

describe('an EC connection', () => {
  it('gives each request the answer in its place', async () => {
    core.behaviour = (request) => ({ opcode: EC_OP.STRINGS, tags: request.tags });
    const connection = await EcConnection.open(init());
    const numbers = Array.from({ length: 100 }, (_, index) => index);
    const answers = await Promise.all(
      numbers.map((number) => connection.exchange({ opcode: 1, tags: [intTag(1, number)] })),
    );
    assert.deepEqual(
      answers.map((answer) => answer.tags[0]?.data.readUInt8()),
      numbers,
    );
    await connection.close();
  });

  it('ends when an answer takes too long, with all requests behind it', async () => {
    core.behaviour = () => 'silence';
    const connection = await EcConnection.open(init({ answerTimeoutMs: 20 }));
    const requests = [connection.exchange(PING), connection.exchange(PING)];
    for (const request of requests) await rejectsWith('ERR_EC_CLOSED', request);
    assert.ok(hasCode(await connection.ended, 'ERR_EC_CLOSED'));
    await rejectsWith('ERR_EC_CLOSED', connection.exchange(PING));
  });

  it('ends when the core closes it, sends what is no packet, or answers what nobody asked', async () => {
    const twice = Buffer.concat([1, 2].map(() => encodeFrame(noop(), { utf8Numbers: false })));
    const cases = [
      ['close', 'ERR_EC_CLOSED'],
      [Buffer.from('0000002000000002ffff', 'hex'), 'ERR_EC_MALFORMED'],
      [twice, 'ERR_EC_MALFORMED'],
    ] as const;
    for (const [answer, code] of cases) {
      core.behaviour = () => answer;
      const connection = await EcConnection.open(init());
      await connection.exchange(PING).catch(() => undefined);
      assert.ok(hasCode(await connection.ended, code));
    }
  });

  it('refuses requests without end', async () => {
    core.behaviour = () => 'silence';
    const connection = await EcConnection.open(init());
    const waiting = Array.from({ length: EC_QUEUE_MAX + 1 }, () => connection.exchange(PING));
    const outcomes = Promise.allSettled(waiting);
    await rejectsWith('ERR_LIMIT_EXCEEDED', connection.exchange(PING));
    await connection.close();
    assert.ok((await outcomes).every((outcome) => outcome.status === 'rejected'));
  });

  it('closes cleanly twice', async () => {
    const connection = await EcConnection.open(init());
    await connection.close();
    await connection.close();
    assert.equal(await connection.ended, undefined);
  });
});

describe("aMule's own requests", () => {
  it('tell why the core refused', async () => {
    const client = await EcClient.connect(init());
    core.behaviour = () => failed('FileHash not found: X');
    await assert.rejects(client.pause('ab'.repeat(16)), {
      code: 'ERR_CORE_REFUSED',
      details: { operation: 'EC_OP_PARTFILE_PAUSE', reason: 'OTHER' },
    });
    core.behaviour = () => failed('NOT_FOUND: There is no such fetch.');
    await assert.rejects(client.pause('ab'.repeat(16)), {
      details: { operation: 'EC_OP_PARTFILE_PAUSE', reason: 'NOT_FOUND' },
    });
    await client.close();
  });

  it('refuse an answer of another operation or without its fields', async () => {
    const client = await EcClient.connect(init());
    core.behaviour = () => noop();
    await rejectsWith('ERR_EC_MALFORMED', client.status());
    core.behaviour = () => ({ opcode: EC_OP.STATS, tags: [] });
    await rejectsWith('ERR_EC_MALFORMED', client.status());
    await client.close();
  });
});
