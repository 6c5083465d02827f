import { destination } from 'pino';

/** Where the disk is full, or the reader of a pipe is slow, lines beyond this are lost rather than kept. */
const MOST_UNWRITTEN_BYTES = 16 * 1024 * 1024;

interface LinesOptions {
  readonly fd: number;
  /** Each line is written before anything else happens. */
  readonly sync: boolean;
  /** Of others so many bytes are collected before they are written, */
  readonly minLength?: number;
  /** and are written after this time, in milliseconds, where they are fewer. */
  readonly periodicFlush?: number;
}

/** Where lines are written to. A disk that is full, or a reader that has gone, costs lines, and never the process. */
export function linesTo(options: LinesOptions): ReturnType<typeof destination> {
  const lines = destination({ maxLength: MOST_UNWRITTEN_BYTES, ...options });
  // Without a listener an error is thrown, from wherever something is logged.
  lines.on('error', () => {});
  return lines;
}
