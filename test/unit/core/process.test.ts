// SPDX-License-Identifier: GPL-2.0-or-later
// Processes that the core modes start, and those that an earlier run left.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Clock } from '../../../src/base/clock.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { CORE_BACKOFF_MAX_MS, CORE_BACKOFF_MIN_MS } from '../../../src/base/limits.ts';
import { createLogger } from '../../../src/base/logger.ts';
import { amuleConf } from '../../../src/core/amule-conf.ts';
import { CoreFolder } from '../../../src/core/core-folder.ts';
import { ManagedTransport } from '../../../src/core/managed.ts';
import { recordProcess, stopRecorded } from '../../../src/core/process-record.ts';
import { Supervisor } from '../../../src/core/supervisor.ts';
import type { Incarnation } from '../../../src/core/supervisor.ts';

const log = createLogger({ level: 'debug' });
const components = { clock: systemClock, log };

let folder: string;

function sleeper(): ChildProcess {
  return spawn('sleep', ['60'], { stdio: 'ignore' });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muleplex-process-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('the record of a process', () => {
  it('lets the next run end it', async () => {
    const child = sleeper();
    const exit = once(child, 'exit');
    const path = join(folder, 'process');
    assert.ok(child.pid !== undefined);
    await recordProcess(path, child.pid);
    await stopRecorded(path, components);
    assert.deepEqual(await exit, [null, 'SIGTERM']);
    await assert.rejects(stat(path));
  });

  it('spares another program that got the same pid', async () => {
    const child = sleeper();
    assert.ok(child.pid !== undefined);
    const path = join(folder, 'process');
    await writeFile(path, `${child.pid} 1\n`);
    await stopRecorded(path, components);
    assert.equal(child.exitCode, null);
    assert.equal(child.signalCode, null);
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  it('may be missing or torn', async () => {
    await stopRecorded(join(folder, 'none'), components);
    for (const text of ['', '12', '1 x\n', '-1 5\n', '0 5\n']) {
      await writeFile(join(folder, 'torn'), text);
      await stopRecorded(join(folder, 'torn'), components);
    }
  });
});

describe('a supervisor', () => {
  /** Time that passes by itself; keeps how long each sleep was. */
  function quickClock(sleeps: number[]): Clock {
    let nowMs = 0;
    return {
      now: () => nowMs,
      monotonicMs: () => nowMs,
      sleep: async (durationMs, signal) => {
        signal?.throwIfAborted();
        sleeps.push(durationMs);
        nowMs += durationMs;
        await Promise.resolve();
      },
    };
  }

  interface Life extends Incarnation {
    end(reason: string): void;
  }

  function life(): Life {
    let end!: (reason: string) => void;
    const ended = new Promise<string>((resolve) => {
      end = resolve;
    });
    const stop = () => {
      end('stopped');
      return Promise.resolve();
    };
    return { ended, end, stop };
  }

  it('starts a process again that died, with growing waits, until it is stopped', async () => {
    const sleeps: number[] = [];
    let launches = 0;
    let allDone!: () => void;
    const done = new Promise<void>((resolve) => {
      allDone = resolve;
    });
    const last = life();
    const supervisor = new Supervisor({ clock: quickClock(sleeps), log }, () => {
      launches += 1;
      if (launches > 12) {
        allDone();
        return Promise.resolve(last);
      }
      if (launches % 2 === 0) return Promise.reject(new Error('no luck'));
      const short = life();
      short.end('died');
      return Promise.resolve(short);
    });
    await supervisor.start();
    await done;
    await supervisor.stop();
    assert.equal(launches, 13);
    assert.equal(sleeps[0], CORE_BACKOFF_MIN_MS);
    assert.equal(sleeps.at(-1), CORE_BACKOFF_MAX_MS);
    assert.equal(await last.ended, 'stopped');
  });

  it('fails as the first launch fails', async () => {
    const supervisor = new Supervisor(components, () => Promise.reject(new Error('no luck')));
    await assert.rejects(supervisor.start(), { message: 'no luck' });
    await supervisor.stop();
  });

  it('can be stopped while it starts', async () => {
    const supervisor = new Supervisor(components, async (signal) => {
      await once(signal, 'abort');
      signal.throwIfAborted();
      return life();
    });
    const starting = assert.rejects(supervisor.start(), { name: 'AbortError' });
    await supervisor.stop();
    await starting;
  });

  it('ends a process that came up while it was stopped', async () => {
    const late = life();
    let release!: () => void;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const supervisor = new Supervisor(components, async () => {
      await held;
      return late;
    });
    const starting = supervisor.start();
    const stopping = supervisor.stop();
    release();
    await starting;
    await stopping;
    assert.equal(await late.ended, 'stopped');
  });
});

describe('the folder of a core', () => {
  it('is private, and its password stays the same', async () => {
    const coreFolder = new CoreFolder({
      path: join(folder, 'core'),
      address: '127.0.0.1',
      port: 0,
    });
    const password = await coreFolder.ecPassword();
    assert.match(password, /^[0-9a-f]{32}$/);
    assert.equal(await coreFolder.ecPassword(), password);
    await coreFolder.prepare({ hasControlSocket: true, ecPort: 4712 });
    for (const [name, mode] of [
      ['', 0o700],
      ['Temp', 0o700],
      ['amule.conf', 0o600],
      ['ec-password', 0o600],
    ] as const) {
      assert.equal((await stat(join(coreFolder.path, name))).mode & 0o777, mode, name);
    }
    const conf = await readFile(join(coreFolder.path, 'amule.conf'), 'utf8');
    assert.ok(!conf.includes(password));
  });

  it('is refused when the eD2k port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const coreFolder = new CoreFolder({ path: folder, address: '127.0.0.1', port: address.port });
    await assert.rejects(coreFolder.prepare({ hasControlSocket: true }), {
      code: 'ERR_CORE_REFUSED',
      message: /is in use/,
    });
    server.close();
  });

  it('gets an amule.conf in which paths mean what they say', () => {
    const conf = amuleConf({
      tempPath: '/ä $HOME\\"/Temp',
      incomingPath: '/in',
      address: '0.0.0.0',
      port: 4662,
      ec: undefined,
    });
    // Bytes as Latin-1 characters, no variables, backslashes and quotes escaped.
    assert.ok(conf.includes('\nTempDir=/\u00c3\u00a4 \\\\$HOME\\\\\\"/Temp\n'), conf);
    assert.ok(conf.includes('\nAddress=\n'));
    assert.ok(conf.includes('\nAcceptExternalConnections=0\n'));
  });
});

describe('a managed core', () => {
  function transport(program: string): ManagedTransport {
    return new ManagedTransport(components, {
      folder: { path: join(folder, 'core'), address: '127.0.0.1', port: 0 },
      program,
      logPath: join(folder, 'core.log'),
    });
  }

  const hooks = {
    greet: () => Promise.resolve('first' as const),
    ready: () => undefined,
    push: () => undefined,
  };

  it('is refused without its program', async () => {
    const core = transport(join(folder, 'amuled'));
    await assert.rejects(core.start(hooks), { code: 'ERR_CORE_MISSING' });
    await core.stop();
  });

  it('fails to start when its program ends at once, and leaves nothing behind', async () => {
    const core = transport('/bin/false');
    await assert.rejects(core.start(hooks), { code: 'ERR_CORE_DIED', message: /exit status 1/ });
    await core.stop();
    await assert.rejects(stat(join(folder, 'core', 'process')));
  });

  it('can be cancelled while its program does not answer', async () => {
    const program = join(folder, 'hangs');
    await writeFile(program, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
    const core = transport(program);
    const abort = new AbortController();
    const starting = core.start(hooks, abort.signal);
    setTimeout(() => abort.abort(), 100);
    await assert.rejects(starting, { name: 'AbortError' });
    await core.stop();
  });
});
