// SPDX-License-Identifier: GPL-2.0-or-later
// Sizes, durations and ids as people read them.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Decimal units, three significant digits: 999 B, 1.23 MB, 45.6 GB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** 0.4 s, 12.3 s, 4 min 05 s, 2 h 03 min. */
export function formatDuration(durationMs: number): string {
  const seconds = durationMs / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Reads 90, 90s, 15m or 2h as milliseconds; undefined when it is none of them. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(s|m|h)?$/.exec(text);
  if (match === null) return undefined;
  const factor = { s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? 's'];
  return Number(match[1]) * (factor ?? 1000);
}

/** Reads 12h, 30d, 8w or 1y (of 365 days) as milliseconds; undefined when it is none of them. */
export function parseAge(text: string): number | undefined {
  const match = /^([1-9]\d{0,4})(h|d|w|y)$/.exec(text);
  if (match === null) return undefined;
  const hours = { h: 1, d: 24, w: 7 * 24, y: 365 * 24 }[match[2] ?? 'h'] ?? 1;
  return Number(match[1]) * hours * 3_600_000;
}

/** 12 hours, 30 days: as far as it is whole ones. */
export function formatAge(ageMs: number): string {
  const hours = ageMs / 3_600_000;
  return hours % 24 === 0 ? `${hours / 24} days` : `${hours} hours`;
}

export function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, 19);
}

/** The first 12 hex digits of an id: what people read and type. */
export function short(id: string): string {
  return id.slice(0, 12);
}

/** Rows in aligned columns, two spaces between. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  return [header, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
