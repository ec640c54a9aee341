// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex daemon`: muleplexd in the foreground.
import { EXIT_DONE, type Command } from '../command.ts';

export const daemon: Command<object> = {
  usage: 'daemon',
  summary: 'Run muleplexd in the foreground until it is told to stop',
  options: (yargs) => yargs,
  run: async (_argv, { homePath, signal }) => {
    // Other commands start faster without it.
    const { runDaemon } = await import('../run-daemon.ts');
    await runDaemon(homePath, signal);
    return EXIT_DONE;
  },
};
