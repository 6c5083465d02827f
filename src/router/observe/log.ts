import { destination, type Logger, pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type Log = Logger;

const STDERR = 2;

/** Log lines in JSON on standard error, where they stand apart from what a command answers. */
export function newLog(level: LogLevel, bindings: object = {}): Log {
  return pino(
    { level, base: bindings, timestamp: pino.stdTimeFunctions.isoTime },
    destination({ fd: STDERR, sync: true }),
  );
}
