let write: (line: string) => void = () => {};
const written = new Set<string>();
/** What comes from files that change would be without bound. */
const MAX_WRITTEN = 1000;

/** Has notices written from now on; a program that embeds Keyway has none. */
export function noticesGoTo(to: (line: string) => void): void {
  write = to;
}

/** Tells people, once, of something that is no fault: a file that an earlier release has written, for one. */
export function notice(line: string): void {
  if (written.has(line) || written.size >= MAX_WRITTEN) return;
  written.add(line);
  write(line);
}
