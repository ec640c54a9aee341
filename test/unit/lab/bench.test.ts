// SPDX-License-Identifier: GPL-2.0-or-later
// What of the core's benchmark can be wrong without any network: its command line, what it reads
// from the kernel and the switch, and what it makes of the runs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Cleanup } from '../../../scripts/lab/bench/cleanup.ts';
import type { CoreFigures } from '../../../scripts/lab/bench/core-transfer.ts';
import { parseOptions, PLAIN_BYTES, SHAPED_BYTES } from '../../../scripts/lab/bench/options.ts';
import {
  cpuSeconds,
  parseCpuSeconds,
  parsePeakBytes,
  peakBytes,
} from '../../../scripts/lab/bench/process-figures.ts';
import { caseResult, median, resultTable } from '../../../scripts/lab/bench/results.ts';
import { parseCounts } from '../../../scripts/lab/switch-network.ts';

describe("the command line of the core's benchmark", () => {
  it('measures the bars of the project when nothing is asked for', async () => {
    const { cases, runs } = (await parseOptions([])) ?? assert.fail();
    assert.equal(runs, 3);
    assert.deepEqual(
      cases.map(({ rateMbit, rttMs, lossPct, packs }) => [rateMbit, rttMs, lossPct, packs]),
      [
        [null, 0, 0, 1],
        [400, 0, 0, 1],
        [400, 20, 0, 1],
        [400, 100, 0, 1],
        [400, 200, 0, 1],
        [400, 100, 0.1, 1],
        [400, 0, 0, 64],
      ],
    );
    assert.equal(cases[0]?.bytes, PLAIN_BYTES);
    assert.ok(cases.slice(1).every(({ bytes }) => bytes === SHAPED_BYTES));
  });

  it('takes lists of round trips with loss and packs', async () => {
    const args = ['--rtt', '0,50.5', '--loss', '1', '--packs', '8', '--runs', '1', '--no-stock'];
    const { cases, runs, stock } = (await parseOptions(args)) ?? assert.fail();
    assert.deepEqual(
      cases.map(({ rttMs, lossPct, packs }) => [rttMs, lossPct, packs]),
      [
        [0, 1, 8],
        [50.5, 1, 8],
      ],
    );
    assert.deepEqual([runs, stock], [1, false]);
  });

  it('is quick without shaping only', async () => {
    const { cases } = (await parseOptions(['--quick'])) ?? assert.fail();
    assert.deepEqual(
      cases.map(({ rateMbit }) => rateMbit),
      [null],
    );
    await assert.rejects(parseOptions(['--quick', '--rtt', '5']), /--quick/);
    const { swarm, plain } = (await parseOptions(['--swarm', '4', '--quick'])) ?? assert.fail();
    assert.deepEqual([swarm, plain], [4, true]);
  });

  it('refuses what it cannot do', async () => {
    for (const args of [
      ['--rtt', ''],
      ['--rtt', '1,,2'],
      ['--rtt', '-1'],
      ['--rtt', 'x'],
      ['--rtt', '2001'],
      ['--loss', '51'],
      ['--loss', '-1'],
      ['--packs', '0'],
      ['--packs', '1.5'],
      ['--runs', '0'],
      ['--swarm', '33'],
      ['--slow'],
    ]) {
      await assert.rejects(parseOptions(args), Error, args.join(' '));
    }
  });
});

describe("the benchmark's readings", () => {
  it('takes CPU time behind a name with spaces and brackets', () => {
    const stat = '12 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20';
    assert.equal(parseCpuSeconds(stat), 4);
    assert.throws(() => parseCpuSeconds('12 (a) S 1'));
  });

  it('takes the peak of the memory', () => {
    assert.equal(parsePeakBytes('Name:\tx\nVmHWM:\t    1024 kB\nVmRSS:\t1 kB\n'), 1024 * 1024);
    assert.throws(() => parsePeakBytes('Name:\tkthread\n'));
  });

  it('reads them of a real process', async () => {
    assert.ok((await cpuSeconds(process.pid)) > 0);
    assert.ok((await peakBytes(process.pid)) > 10_000_000);
  });

  it("takes the switch's counts for what TCP carried", () => {
    assert.deepEqual(parseCounts(['pair 1 2 10 15140 0 1 2', 'pair 2 1 0 0 0 0 0']), [
      { sender: 1, receiver: 2, payloadBytes: 15_140 - 660 },
      { sender: 2, receiver: 1, payloadBytes: 0 },
    ]);
    assert.throws(() => parseCounts(['pair 1 2']));
  });
});

describe("the benchmark's figures", () => {
  it('are medians', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.throws(() => median([]));
  });

  it('of a case are rates, and CPU for each GB', () => {
    const bench = { rttMs: 0, lossPct: 0, packs: 1, rateMbit: null, bytes: 2e9 };
    const core = (seconds: number): CoreFigures => ({
      ...{ seconds, durableSeconds: seconds + 1, firstByteMs: 12.3 },
      ...{ cpuSenderSeconds: 2, cpuReceiverSeconds: 6, peakBytes: 70e6 },
    });
    const tcp = { seconds: 2, durableSeconds: 3, cpuSenderSeconds: 1, cpuReceiverSeconds: 1 };
    const result = caseResult(bench, 'bbr', {
      core: [core(4), core(9), core(5)],
      tcp: [tcp],
      stock: { bytes: 3e6, seconds: 30 },
    });
    assert.deepEqual(result, {
      ...{ ...bench, congestion: 'bbr', seconds: 5, durableSeconds: 6, mbPerS: 400 },
      ...{ tcpSeconds: 2, tcpDurableSeconds: 3, tcpMbPerS: 1000, ratioToTcp: 0.4 },
      ...{ firstByteMs: 12, cpuSenderSPerGb: 1, cpuReceiverSPerGb: 3 },
      ...{ tcpCpuSenderSPerGb: 0.5, tcpCpuReceiverSPerGb: 0.5, rssMb: 70, stockMbPerS: 0.1 },
    });
    const table = resultTable([result]).split('\n');
    assert.equal(table.length, 3);
    assert.equal(new Set(table.map((line) => line.split('|').length)).size, 1);
  });
});

describe('cleaning up', () => {
  it('happens once, backwards, whatever fails', async () => {
    const cleanup = new Cleanup();
    const done: number[] = [];
    const step = (number: number) => () => {
      done.push(number);
      return number === 2 ? Promise.reject(new Error('expected by this test')) : Promise.resolve();
    };
    cleanup.add(step(1));
    cleanup.add(step(2));
    const third = cleanup.add(step(3));
    cleanup.add(step(4));
    await third();
    await third();
    await cleanup.all();
    await cleanup.all();
    assert.deepEqual(done, [3, 4, 2, 1]);
  });
});
