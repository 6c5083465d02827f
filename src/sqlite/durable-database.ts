import { DatabaseSync } from 'node:sqlite';
import { keepPrivate, makePrivateFile } from '../runtime/private-file.ts';
import { checkKind, checkTables, type DatabaseKind } from './database-kind.ts';

/** Processes of one machine may share a file; each waits this long for another's transaction. */
const BUSY_TIMEOUT_MS = 10_000;

/** Every acknowledged change is on the disk (synchronous = FULL): a killed process, or machine, loses none. */
const DURABLE = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
`;

/**
 * Opens a SQLite file, made where it is not there, with its tables. It is its owner's alone, and so are the log and the index that
 * SQLite keeps beside it: they get the file's own permissions.
 * @throws NamedFileFault where the file holds something else, which stays as it is
 */
export function openDurable(file: string, kind: DatabaseKind): DatabaseSync {
  checkKind(file, kind);
  makePrivateFile(file);
  for (const beside of [`${file}-wal`, `${file}-shm`]) keepPrivate(beside);
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    // Its log may hold tables that were not written back yet.
    checkTables(database, file, kind);
    database.exec(DURABLE);
    // As one change: no other process ever sees a part of it.
    transaction(database, () => database.exec(kind.schema));
  } catch (cause) {
    database.close();
    throw cause;
  }
  return database;
}

/** Adds a column to a table that was made before there was one. */
export function addMissing(database: DatabaseSync, table: string, column: string, type: string): void {
  const columns = database.prepare(`SELECT name FROM pragma_table_info(?)`).all(table) as Array<{ name: string }>;
  if (!columns.some(({ name }) => name === column)) database.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
}

/** Runs `change` as one transaction: all of it is done and durable when this returns, none of it where it throws. */
export function transaction<Result>(database: DatabaseSync, change: () => Result): Result {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = change();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

/** Runs several reads on one state of the database, without keeping writers away. */
export function snapshot<Result>(database: DatabaseSync, read: () => Result): Result {
  database.exec('BEGIN');
  try {
    return read();
  } finally {
    database.exec('COMMIT');
  }
}
