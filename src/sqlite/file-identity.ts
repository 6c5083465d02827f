import { statSync } from 'node:fs';

/**
 * Which file stands at a path: a copy, as a backup is, is another one. By its number, and by when it was made, for numbers come again.
 * @returns null where there is none
 */
export function fileIdentity(path: string): string | null {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? null : `${found.ino} ${found.birthtimeNs}`;
}
