// SPDX-License-Identifier: GPL-2.0-or-later
// The child process of the embedded core when it does not do what it should.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HostLink } from '../../../src/core/host-link.ts';
import { EC_OP } from '../../../src/ec/opcodes.ts';

const FAKE_HOST = fileURLToPath(new URL('../../support/fake-host.js', import.meta.url));
const REQUEST = { opcode: EC_OP.NOOP, tags: [] };

function host(behaviour: string): HostLink {
  const child = fork(FAKE_HOST, [behaviour], { serialization: 'advanced', execArgv: [] });
  return new HostLink(child, () => assert.fail('no event is well-formed here'));
}

describe('the host of an embedded core', () => {
  it('that dies takes all its requests with it', async () => {
    const link = host('exit');
    const requests = [link.exchange(REQUEST), link.exchange(REQUEST)];
    for (const request of requests) await assert.rejects(request, { code: 'ERR_CORE_DIED' });
    assert.equal(await link.ended, 'exit status 3');
    await assert.rejects(link.exchange(REQUEST), { code: 'ERR_CORE_DIED' });
  });

  it('that cannot use its library says why', async () => {
    const link = host('failed');
    await assert.rejects(link.exchange(REQUEST), { message: /not a library/ });
    assert.equal(await link.ended, 'not a library');
  });

  it('may refuse a request and live on', async () => {
    const link = host('noAnswer');
    await assert.rejects(link.exchange(REQUEST), { code: 'ERR_CORE_DIED' });
    await assert.rejects(link.exchange(REQUEST), { code: 'ERR_CORE_DIED' });
    await link.stop();
  });

  it('may answer twice without harm', async () => {
    const link = host('twice');
    assert.deepEqual(await link.exchange(REQUEST), REQUEST);
    assert.deepEqual(await link.exchange(REQUEST), REQUEST);
    await link.stop();
  });

  it('is ended when it talks nonsense', async () => {
    const answering = host('malformedAnswer');
    await assert.rejects(answering.exchange(REQUEST), { code: 'ERR_EC_MALFORMED' });
    assert.match(await answering.ended, /EC packet/);
    const pushing = host('malformedEvent');
    await assert.rejects(pushing.exchange(REQUEST), { code: 'ERR_CORE_DIED' });
    assert.match(await pushing.ended, /EC packet/);
  });
});
