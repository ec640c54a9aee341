// SPDX-License-Identifier: GPL-2.0-or-later
// The plain transfer that the core is compared with: native/lab/file_tcp.c in the same namespaces.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Network } from '../network.ts';

export interface TcpFigures {
  /** From before the connect until all is written at the receiver. */
  readonly seconds: number;
  /** The same until it is fsynced. */
  readonly durableSeconds: number;
  readonly cpuSenderSeconds: number;
  readonly cpuReceiverSeconds: number;
}

export interface TcpTransfer {
  readonly network: Network;
  /** Absolute path of file_tcp. */
  readonly program: string;
  readonly from: { readonly site: number; readonly path: string };
  readonly to: { readonly site: number; readonly path: string };
  readonly congestion: string;
}

const PORT = 5001;

export async function tcpTransfer(transfer: TcpTransfer): Promise<TcpFigures> {
  const { network, from, to } = transfer;
  const host = network.address(to.site);
  const start = (verb: string, end: { site: number; path: string }): ChildProcess => {
    const [program = '', ...args] = network.command(end.site, [
      ...[transfer.program, verb, end.path, host, String(PORT), transfer.congestion],
    ]);
    return spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  };
  const receiver = start('receive', to);
  try {
    const received = output(receiver);
    await Promise.race([once(receiver.stdout as NodeJS.ReadableStream, 'data'), received]);
    const sent = JSON.parse(await output(start('send', from))) as {
      seconds: number;
      durableSeconds: number;
      cpuSeconds: number;
    };
    const [, figures = ''] = (await received).split('\n');
    const { cpuSeconds } = JSON.parse(figures) as { cpuSeconds: number };
    const { seconds, durableSeconds } = sent;
    const cpu = { cpuSenderSeconds: sent.cpuSeconds, cpuReceiverSeconds: cpuSeconds };
    return { seconds, durableSeconds, ...cpu };
  } finally {
    receiver.kill('SIGKILL');
  }
}

/** All that it prints; rejects when it does not end well. */
async function output(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(text);
      else reject(new Error(`file_tcp ended with ${signal ?? code ?? 0}`));
    });
  });
}
