// SPDX-License-Identifier: GPL-2.0-or-later
// The core over EC when connections break, the core restarts under us, or is not one of ours.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { createLogger } from '../../../src/base/logger.ts';
import { ControlCore } from '../../../src/core/control-core.ts';
import { SURFACE_VERSION } from '../../../src/core/core.ts';
import type { CoreEvent } from '../../../src/core/core.ts';
import { ExternalTransport } from '../../../src/core/external.ts';
import { MULEPLEX_TAG as TAG } from '../../../src/ec/muleplex-tags.ts';
import { EC_OP, MULEPLEX_OP as OP } from '../../../src/ec/opcodes.ts';
import { addressTag, intTag, textTag } from '../../../src/ec/tag.ts';
import type { EcPacket } from '../../../src/ec/tag.ts';
import { FakeCore, failed, noop } from '../../support/fake-core.ts';
import type { FakeAnswer } from '../../support/fake-core.ts';

const CLIENT = { host: '127.0.0.9', port: 4662 };
const log = createLogger({ level: 'debug' });

/** What the fake says about itself, and the numbers of the events it has. */
interface Surface {
  boot: bigint;
  version: number;
  sequences: number[];
}

let folder: string;
let fake: FakeCore;
let surface: Surface;
let core: ControlCore;

function answer(request: EcPacket): FakeAnswer {
  const last = intTag(TAG.LAST_SEQ, surface.sequences.at(-1) ?? 0);
  const boot = intTag(TAG.BOOT, surface.boot);
  switch (request.opcode) {
    case OP.INFO: {
      const version = intTag(TAG.SURFACE_VERSION, surface.version);
      const text = textTag(TAG.CORE_VERSION, '2.3.3');
      return { opcode: OP.INFO, tags: [text, version, intTag(TAG.PORT, 1), boot, last] };
    }
    case OP.EVENTS: {
      const since = Number(`0x${request.tags[0]?.data.toString('hex') ?? '0'}`);
      const events = surface.sequences
        .filter((sequence) => sequence > since)
        .map((sequence) =>
          intTag(TAG.EVENT, sequence, [intTag(TAG.EVENT_KIND, 4), addressTag(TAG.CLIENT, CLIENT)]),
        );
      return { opcode: OP.EVENTS, tags: [boot, last, ...events] };
    }
    default:
      return noop();
  }
}

function nextEvent(): Promise<CoreEvent> {
  return new Promise((resolve) => {
    const off = core.onEvent((event) => {
      off();
      resolve(event);
    });
  });
}

function nextRestart(): Promise<void> {
  return new Promise((resolve) => {
    const off = core.onRestart(() => {
      off();
      resolve();
    });
  });
}

function countOf(opcode: number): number {
  return fake.opcodes.filter((one) => one === opcode).length;
}

beforeEach(async () => {
  surface = { boot: 1n, version: SURFACE_VERSION, sequences: [] };
  folder = await mkdtemp(join(tmpdir(), 'muleplex-'));
  const socketPath = join(folder, 'control.sock');
  fake = await FakeCore.start(answer, socketPath);
  const transport = new ExternalTransport({ clock: systemClock, log }, { socketPath });
  core = new ControlCore({ transport, clock: systemClock, log });
});

afterEach(async () => {
  await core.stop();
  await fake.stop();
  await rm(folder, { recursive: true });
});

describe('a core over EC', () => {
  it('is refused when it does not know the control surface', async () => {
    fake.behaviour = () => failed('Invalid opcode (wrong protocol version?)');
    await assert.rejects(core.start(), { code: 'ERR_CORE_REFUSED', message: /no control surface/ });
  });

  it('is refused when it hangs up on the control surface', async () => {
    fake.behaviour = () => 'close';
    await assert.rejects(core.start(), { code: 'ERR_CORE_REFUSED', message: /no control surface/ });
  });

  it('is refused when it has another version of the control surface', async () => {
    surface.version = SURFACE_VERSION + 1;
    await assert.rejects(core.start(), { code: 'ERR_CORE_REFUSED', message: /version 3/ });
  });

  it('is waited for until the signal says otherwise', async () => {
    await fake.stop();
    const abort = new AbortController();
    const starting = core.start(abort.signal);
    abort.abort();
    await assert.rejects(starting, { name: 'AbortError' });
  });

  it('hides a lost connection from a request when the same core answers again', async () => {
    await core.start();
    let restarts = 0;
    core.onRestart(() => (restarts += 1));
    let isFirst = true;
    fake.behaviour = (request) => {
      if (request.opcode !== OP.ASK_NOW || !isFirst) return answer(request);
      isFirst = false;
      return 'close';
    };
    await core.askNow('ab'.repeat(16));
    assert.equal(countOf(OP.ASK_NOW), 2);
    assert.equal(restarts, 0);
  });

  it('fails a request whose core restarted meanwhile, and tells its owner', async () => {
    await core.start();
    const restarted = nextRestart();
    fake.behaviour = (request) => {
      if (request.opcode !== OP.ASK_NOW) return answer(request);
      surface.boot = 2n;
      return 'close';
    };
    await assert.rejects(core.askNow('ab'.repeat(16)), { code: 'ERR_CORE_DIED' });
    await restarted;
    assert.equal(countOf(OP.ASK_NOW), 1);
    assert.equal((await core.info()).boot, 2n);
  });

  it('lets the owner set everything again from within its listener', async () => {
    await core.start();
    const set = new Promise((resolve, reject) => {
      core.onRestart(
        () =>
          void core
            .setTrust({ siteId: Buffer.alloc(32, 1), clients: [], isOpen: false })
            .then(resolve, reject),
      );
    });
    surface.boot = 2n;
    fake.breakConnections();
    await set;
    assert.equal(countOf(OP.TRUST_SET), 1);
  });

  it('passes events on once, in order, also over a lost connection', async () => {
    surface.sequences = [1, 2, 3];
    await core.start();
    const seen: number[] = [];
    core.onEvent((event) => void seen.push(event.sequence));
    surface.sequences.push(4, 5);
    await nextEvent();
    fake.breakConnections();
    surface.sequences.push(6);
    await nextEvent();
    assert.deepEqual(seen, [4, 5, 6]);
  });

  it('tells its owner to look at everything when events were lost', async () => {
    await core.start();
    const restarted = nextRestart();
    surface.sequences = [70_000];
    await restarted;
  });

  it('survives a listener that throws and answers that are malformed', async () => {
    await core.start();
    core.onEvent(() => {
      throw new Error('a bug');
    });
    fake.behaviour = (request) =>
      request.opcode === OP.EVENTS ? { opcode: OP.EVENTS, tags: [] } : answer(request);
    await assert.rejects(core.clients(), { code: 'ERR_EC_MALFORMED' });
    fake.behaviour = answer;
    surface.sequences = [1];
    assert.equal((await nextEvent()).sequence, 1);
  });

  it('sends long lists in pieces', async () => {
    await core.start();
    const hashes = Array.from({ length: 600 }, (_, index) => index.toString(16).padStart(32, '0'));
    await core.unshare(hashes);
    assert.equal(countOf(OP.UNSHARE), 3);
  });

  it('passes the refusal of the core on', async () => {
    await core.start();
    fake.behaviour = (request) =>
      request.opcode === OP.CANCEL ? failed('NOT_FOUND: There is no such fetch.') : answer(request);
    await assert.rejects(core.cancel('ab'.repeat(16)), {
      code: 'ERR_CORE_REFUSED',
      details: { operation: 'EC_OP_MULEPLEX_CANCEL', reason: 'NOT_FOUND' },
    });
  });

  it("carries aMule's own requests", async () => {
    await core.start();
    await core.ec.resume('ab'.repeat(16));
    assert.equal(countOf(EC_OP.PARTFILE_RESUME), 1);
  });
});
