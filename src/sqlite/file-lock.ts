import { DatabaseSync } from 'node:sqlite';
import { makePrivateFile } from '../runtime/private-file.ts';
import { checkKind, type DatabaseKind } from './database-kind.ts';

const lockFile: DatabaseKind = {
  name: 'a lock',
  schema: 'CREATE TABLE IF NOT EXISTS holder (pid INTEGER NOT NULL)',
  marks: { holder: ['pid'] },
};

/** Another process has the lock. */
export class FileLocked extends Error {
  override readonly name = 'FileLocked';
  readonly pid: number;

  constructor(file: string, pid: number) {
    super(`${file} is in use by process ${pid}`);
    this.pid = pid;
  }
}

/**
 * Keeps a file to one process for as long as that lives: the kernel lets go of the lock when the process ends, in whatever
 * way, so that none is left behind.
 */
export class FileLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @param file the lock itself, which is made where it is not there. @throws FileLocked; NamedFileFault where it holds something else */
  static take(file: string, pid: number): FileLock {
    checkKind(file, lockFile);
    makePrivateFile(file);
    const database = new DatabaseSync(file);
    try {
      // SQLite's write lock keeps other writers away, and lets them read which process has it.
      database.exec(lockFile.schema);
      database.exec(`BEGIN IMMEDIATE; DELETE FROM holder; INSERT INTO holder VALUES (${pid}); COMMIT`);
      database.exec('BEGIN IMMEDIATE');
      return new FileLock(database);
    } catch (cause) {
      const holder = readHolder(database);
      database.close();
      throw holder === null ? cause : new FileLocked(file, holder);
    }
  }

  release(): void {
    this.#database.exec('ROLLBACK');
    this.#database.close();
  }
}

function readHolder(database: DatabaseSync): number | null {
  try {
    return (database.prepare('SELECT pid FROM holder').get() as { pid: number } | undefined)?.pid ?? null;
  } catch {
    return null;
  }
}
