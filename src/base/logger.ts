// SPDX-License-Identifier: GPL-2.0-or-later
// The logger that everything gets injected: winston behind a type of our own.
// Human lines on a terminal, JSON lines in a file.
import winston from 'winston';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Facts of a line, named with the words of docs/terms.md. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  /** The operator must act. */
  error(message: string, fields?: LogFields): void;
  /** Degraded, heals by itself. */
  warn(message: string, fields?: LogFields): void;
  /** A change of state; at most one a minute in an idle daemon. */
  info(message: string, fields?: LogFields): void;
  /** Each message. */
  debug(message: string, fields?: LogFields): void;
  /** A logger whose lines all carry these fields. */
  child(fields: LogFields): Logger;
}

export interface LoggerInit {
  readonly level: LogLevel;
  /** JSON lines are appended here, kept to 5 files of 10 MB. */
  readonly file?: string;
  /** Human lines to stderr. */
  readonly console?: boolean;
}

const LOG_FILE_SIZE_MAX = 10_000_000;
const LOG_FILES_MAX = 5;

/** A logger on winston; without file and console it drops every line. */
export function createLogger(init: LoggerInit): Logger {
  const transports: winston.transport[] = [];
  if (init.file !== undefined) {
    transports.push(
      new winston.transports.File({
        filename: init.file,
        maxsize: LOG_FILE_SIZE_MAX,
        maxFiles: LOG_FILES_MAX,
        tailable: true,
        format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
      }),
    );
  }
  if (init.console === true) {
    transports.push(
      new winston.transports.Console({
        stderrLevels: ['error', 'warn', 'info', 'debug'],
        format: winston.format.combine(
          winston.format.timestamp(),
          winston.format.printf(humanLine),
        ),
      }),
    );
  }
  return winston.createLogger({
    level: init.level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    transports,
    silent: transports.length === 0,
  });
}

function humanLine(info: winston.Logform.TransformableInfo): string {
  const { timestamp, level, message, component, ...fields } = info;
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${plain(value)}`);
  const from = component === undefined ? '' : ` ${plain(component)}:`;
  return `${plain(timestamp)} ${level}${from} ${plain(message)}${rest.join('')}`;
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
