import { plainText } from '../runtime/foreign-errors.ts';
import { makePrivateFolder } from '../runtime/private-file.ts';
import { UsageError } from '../runtime/usage-error.ts';
import { fileIdentity } from '../sqlite/index.ts';

/**
 * A data file that this process has open. If it is deleted meanwhile, the process goes on with it, and would not
 * notice.
 */
export class DataFile {
  readonly #path: string;
  readonly #identity: string | null;

  /** Call it once the file is open. */
  constructor(path: string) {
    this.#path = path;
    this.#identity = fileIdentity(path);
  }

  /** Says so where another file stands at its path by now, or none. Call it once the file is closed. */
  reportIfGone(report: (fault: string) => void): void {
    if (fileIdentity(this.#path) !== this.#identity)
      report(`${this.#path} was deleted, or replaced, while it was open: what was kept in it is lost`);
  }
}

/** Makes the folder that data is kept in, for its owner alone. @throws UsageError where it cannot be made */
export function makeDataFolder(folder: string): void {
  try {
    makePrivateFolder(folder);
  } catch (cause) {
    throw new UsageError(`${plainText(cause)}: choose another place with --data`, { cause });
  }
}
