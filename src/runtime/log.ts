import { destination, type Logger, pino } from 'pino';
import { printable } from './printable.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type Log = Logger;

const STDERR = 2;
/** While the disk is full, lines beyond this are lost rather than kept. */
const MAX_UNWRITTEN_BYTES = 1024 * 1024;

/** Log lines in JSON on standard error, where they stand apart from what a command answers. */
export function newLog(level: LogLevel, bindings: object = {}): Log {
  const lines = destination({ fd: STDERR, sync: true, maxLength: MAX_UNWRITTEN_BYTES });
  // A disk that is full, or a reader that has gone, costs lines: without a listener it would be thrown, from wherever something is logged.
  lines.on('error', () => {});
  return pino(
    { level, base: bindings, timestamp: pino.stdTimeFunctions.isoTime },
    // Standard error may be a terminal, and a message may contain what others have sent.
    { write: (line) => lines.write(printable(line)) },
  );
}
