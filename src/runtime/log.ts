import { type Logger, pino } from 'pino';
import { linesTo } from './lines-to.ts';
import { printable } from './printable.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type Log = Logger;

const STDERR = 2;

/** Log lines in JSON on standard error, where they stand apart from what a command answers. */
export function newLog(level: LogLevel, bindings: object = {}): Log {
  const lines = linesTo({ fd: STDERR, sync: true });
  return pino(
    { level, base: bindings, timestamp: pino.stdTimeFunctions.isoTime },
    // Standard error may be a terminal, and what is told of has been said by others.
    { write: (line) => lines.write(printable(line)) },
  );
}
