// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { ReplicationError } from '../../../src/base/errors.ts';
import { Output, type Stream } from '../../../src/cli/output.ts';

class Recorder implements Stream {
  readonly isTTY: boolean;
  readonly columns = 20;
  text = '';

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

function output(init: { json?: boolean; tty?: boolean } = {}): {
  out: Recorder;
  err: Recorder;
  at: (ms: number) => void;
  output: Output;
} {
  const [out, err] = [new Recorder(), new Recorder(init.tty)];
  let now = 0;
  const clock = { ...systemClock, monotonicMs: () => now };
  const made = new Output({ out, err, clock }, { json: init.json ?? false });
  return { out, err, at: (ms) => (now = ms), output: made };
}

test('a result is lines for people, or one object', () => {
  const people = output();
  people.output.result({ a: 1 }, () => ['one', 'two']);
  assert.equal(people.out.text, 'one\ntwo\n');
  const json = output({ json: true });
  json.output.result({ a: 1 }, () => ['one']);
  assert.equal(json.out.text, '{"a":1}\n');
});

test('progress is thinned out where nobody watches, but shows each stage', () => {
  const { err, at, output: to } = output();
  to.progress('scan', 'scanning');
  to.progress('ingest', 'ingest 1');
  at(100);
  to.progress('ingest', 'ingest 2');
  at(6_000);
  to.progress('ingest', 'ingest 3');
  assert.equal(err.text, 'scanning\ningest 1\ningest 3\n');
});

test('progress on a terminal is one line, cut to its width and gone at the end', () => {
  const { err, out, output: to } = output({ tty: true });
  to.progress('scan', 'a line that is longer than the terminal');
  to.result({}, () => ['done']);
  assert.equal(err.text, '\r\x1b[Ka line that is long\r\x1b[K');
  assert.equal(out.text, 'done\n');
});

test('a failure is a sentence with its code, and an object unless there was a result', () => {
  const error = new ReplicationError('ERR_WAIT_TIMEOUT', 'too late');
  const { out, err, output: to } = output({ json: true });
  to.failure(error);
  assert.equal(err.text, 'muleplex: too late (ERR_WAIT_TIMEOUT)\n');
  assert.equal(out.text, `${JSON.stringify({ error })}\n`);
  const after = output({ json: true });
  after.output.result({ a: 1 }, () => []);
  after.output.failure(error);
  assert.equal(after.out.text, '{"a":1}\n');
});
