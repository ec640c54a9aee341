// SPDX-License-Identifier: GPL-2.0-or-later
// The local API over a real socket.
import assert from 'node:assert/strict';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ReplicationError, hasCode } from '../../../src/base/errors.ts';
import { createLogger } from '../../../src/base/logger.ts';
import { ControlClient } from '../../../src/control/client.ts';
import { ControlServer, type Call, type Route } from '../../../src/control/server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

interface Api {
  readonly client: ControlClient;
  readonly server: ControlServer;
  readonly socketPath: string;
}

async function api(
  t: TestContext,
  handle: (call: Call) => Promise<object>,
  folder = temporaryFolder(t),
): Promise<Api> {
  const routes: Route[] = [
    { method: 'GET', path: '/v1/plain', streamed: false, handle },
    { method: 'POST', path: '/v1/plain', streamed: false, handle },
    { method: 'POST', path: '/v1/streamed', streamed: true, handle },
  ];
  const socketPath = join(folder, 'control.sock');
  const logger = createLogger({ level: 'error' });
  const server = new ControlServer({ logger, routes }, { socketPath });
  await server.start();
  t.after(() => server.stop());
  return { client: new ControlClient({ socketPath }), server, socketPath };
}

test('a call gives body and query, and gets the result', async (t) => {
  const { client, socketPath } = await api(t, ({ body, query }) =>
    Promise.resolve({ body, name: query.get('name') }),
  );
  const result = await client.call('POST', '/v1/plain?name=x%20y', { body: { a: 1 } });
  assert.deepEqual(result, { body: { a: 1 }, name: 'x y' });
  assert.deepEqual(await client.call('GET', '/v1/plain'), { name: null });
  assert.equal(statSync(socketPath).mode & 0o777, 0o600);
});

test('a streamed call sees progress before the result', async (t) => {
  const { client } = await api(t, ({ progress }) => {
    progress({ done: 1 });
    progress({ done: 2 });
    return Promise.resolve({ done: 3 });
  });
  const seen: unknown[] = [];
  const onProgress = (event: unknown): void => void seen.push(event);
  assert.deepEqual(await client.call('POST', '/v1/streamed', { onProgress }), { done: 3 });
  assert.deepEqual(seen, [{ done: 1 }, { done: 2 }]);
});

test('an error arrives with code, sentence and details', async (t) => {
  const error = new ReplicationError('ERR_DATASET_UNKNOWN', 'no such', { dataset: 'x' });
  const { client } = await api(t, () => Promise.reject(error));
  for (const path of ['/v1/plain', '/v1/streamed']) {
    await assert.rejects(client.call('POST', path), (caught) => {
      assert.ok(hasCode(caught, 'ERR_DATASET_UNKNOWN'));
      assert.deepEqual(caught.toJSON(), error.toJSON());
      return true;
    });
  }
});

test('a caller that goes away cancels its call', async (t) => {
  let fired: () => void = () => undefined;
  const cancelled = new Promise<void>((resolve) => (fired = resolve));
  const { client } = await api(t, ({ signal, progress }) => {
    progress({});
    return new Promise<object>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        fired();
        reject(signal.reason as Error);
      });
    });
  });
  const controller = new AbortController();
  const call = client.call('POST', '/v1/streamed', {
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await assert.rejects(call, { name: 'AbortError' });
  await cancelled;
});

test('a daemon that stops cancels calls, and callers learn it', async (t) => {
  const { client, server } = await api(
    t,
    ({ signal }) =>
      new Promise<object>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        void server.stop();
      }),
  );
  await assert.rejects(client.call('POST', '/v1/streamed'), { name: 'AbortError' });
});

test('what is no call is refused', async (t) => {
  const { client } = await api(t, () => Promise.resolve({}));
  const body = { text: 'x'.repeat(2_000_000) };
  for (const call of [
    () => client.call('GET', '/v1/nowhere'),
    () => client.call('DELETE', '/v1/plain'),
    () => client.call('POST', '/v1/plain', { body }),
  ]) {
    await assert.rejects(call, (error) => hasCode(error, 'ERR_REQUEST_MALFORMED'));
  }
});

test('nobody there is ERR_DAEMON_ABSENT, also where a socket was left', async (t) => {
  const folder = temporaryFolder(t);
  const socketPath = join(folder, 'control.sock');
  const client = new ControlClient({ socketPath });
  await assert.rejects(client.call('GET', '/'), (error) => hasCode(error, 'ERR_DAEMON_ABSENT'));
  writeFileSync(socketPath, '');
  await assert.rejects(client.call('GET', '/'), (error) => hasCode(error, 'ERR_DAEMON_ABSENT'));
  const { client: live } = await api(t, () => Promise.resolve({ ok: true }), folder);
  assert.deepEqual(await live.call('GET', '/v1/plain'), { ok: true });
});

test('a home may lie deeper than a socket name is long', async (t) => {
  const folder = join(temporaryFolder(t), 'x'.repeat(120), 'y'.repeat(120));
  mkdirSync(folder, { recursive: true });
  const { client } = await api(t, () => Promise.resolve({ ok: true }), folder);
  assert.deepEqual(await client.call('GET', '/v1/plain'), { ok: true });
});

test('of a million reports the caller gets few, and the last', async (t) => {
  const count = 1_000_000;
  const { client } = await api(t, async ({ progress }) => {
    for (let done = 1; done <= count; done += 1) {
      progress({ done });
      if (done % 100_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return { done: count };
  });
  const seen: unknown[] = [];
  await client.call('POST', '/v1/streamed', { onProgress: (event) => seen.push(event) });
  assert.deepEqual(seen.at(-1), { done: count });
  assert.ok(seen.length < 10_000, `${seen.length} lines`);
});
