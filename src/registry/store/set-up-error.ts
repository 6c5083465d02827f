import { readFileSync } from 'node:fs';
import { fileFault } from '../../runtime/foreign-errors.ts';

/** A registry that is described in a way that it cannot be used. */
export class StoreSetUpError extends Error {
  override readonly name = 'StoreSetUpError';
}

/** A file that a set-up names. @throws StoreSetUpError where it cannot be read */
export function fileBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new StoreSetUpError(`${file}: ${fileFault(cause)}`, { cause });
  }
}
