// SPDX-License-Identifier: GPL-2.0-or-later
// A screen for programs with windows, and what is on it: an Xvfb whose frame buffer is a file.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Numbers of the header of an XWD file (X11/XWDFile.h), each of four bytes. */
const FIELD = { headerSize: 0, width: 4, height: 5, bytesPerLine: 12, colourCount: 19 } as const;
const COLOUR_SIZE = 12;
const PIXEL_SIZE = 4;

export class Screen {
  /** For the environment variable DISPLAY. */
  readonly display: string;
  readonly #child: ChildProcess;
  readonly #path: string;

  private constructor(display: string, child: ChildProcess, path: string) {
    this.display = display;
    this.#child = child;
    this.#path = path;
  }

  /** Files are made in the folder. */
  static async start(folder: string): Promise<Screen> {
    await mkdir(folder, { recursive: true });
    // It draws a number that is free and writes it there.
    const args = ['-screen', '0', '1024x768x24', '-nolisten', 'tcp', '-fbdir', folder];
    const child = spawn('Xvfb', [...args, '-displayfd', '3'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    const pipe = child.stdio[3];
    if (pipe === null || pipe === undefined) throw new Error('no pipe to Xvfb');
    const [number] = (await once(pipe, 'data')) as [Buffer];
    const display = `:${number.toString().trim()}`;
    return new Screen(display, child, join(folder, 'Xvfb_screen0'));
  }

  /** How many different colours are to be seen; 1 on an empty screen. */
  async colourCount(): Promise<number> {
    const bytes = await readFile(this.#path);
    const field = (name: keyof typeof FIELD): number => bytes.readUInt32BE(4 * FIELD[name]);
    const start = field('headerSize') + COLOUR_SIZE * field('colourCount');
    const colours = new Set<number>();
    for (let y = 0; y < field('height'); y += 1) {
      const line = start + y * field('bytesPerLine');
      for (let x = 0; x < field('width'); x += 1) {
        colours.add(bytes.readUInt32LE(line + x * PIXEL_SIZE));
      }
    }
    return colours.size;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exit;
  }
}
