import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { fileFault } from '../runtime/foreign-errors.ts';
import { NamedFileFault, NO_FOLDER } from '../runtime/named-file.ts';

/** What a database file of ours holds. */
export interface DatabaseKind {
  /** For people, such as `a registry`. */
  readonly name: string;
  /** SQL that makes its tables where they are not there. */
  readonly schema: string;
  /** Tables that a file of another kind does not have, each with columns that every release has given it. */
  readonly marks: Readonly<Record<string, readonly string[]>>;
}

/** SQLite's result code for a file that holds something else. */
const SQLITE_NOTADB = 26;

/**
 * Refuses a file that holds something else, another program's database say, before anything of it is changed: neither its permissions
 * nor a byte of it. One that is not there, or holds nothing yet, may become one of this kind.
 * @throws NamedFileFault
 */
export function checkKind(file: string, kind: DatabaseKind): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) {
    if (statSync(dirname(file), { throwIfNoEntry: false }) === undefined)
      throw new NamedFileFault(`${file}: ${NO_FOLDER}`);
    return;
  }
  if (found.isDirectory()) throw new NamedFileFault(`${file}: is a folder, not a file`);
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
  } catch (cause) {
    throw new NamedFileFault(`${file}: ${fileFault(cause)}`, { cause });
  }
  const unchanged = pathToFileURL(file);
  // Without it, SQLite would make files beside this one, and write its log back into it.
  unchanged.searchParams.set('immutable', '1');
  const database = new DatabaseSync(unchanged, { readOnly: true });
  try {
    checkTables(database, file, kind);
  } catch (cause) {
    if (cause instanceof NamedFileFault) throw cause;
    if ((cause as { errcode?: number }).errcode === SQLITE_NOTADB)
      throw new NamedFileFault(`${file} is not a SQLite database: give another file, or move this one away`, { cause });
    // Another process is writing to it just now: whoever opens it sees what it holds.
  } finally {
    database.close();
  }
}

/** Whether a file is there, and not empty: otherwise whoever opens it makes a new database of it. */
export function holdsData(file: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && (found.size > 0 || !found.isFile());
}

/** @throws NamedFileFault where a database has tables, and they are not those of this kind */
export function checkTables(database: DatabaseSync, file: string, { name, marks }: DatabaseKind): void {
  const tables = (
    database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as Array<{ name: string }>
  )
    .map((table) => table.name)
    .filter((table) => !table.startsWith('sqlite_'));
  if (tables.length === 0) return;
  const columnsOf = database.prepare('SELECT name FROM pragma_table_info(?)');
  const hasColumns = (table: string): boolean => {
    const columns = (columnsOf.all(table) as Array<{ name: string }>).map((column) => column.name);
    return marks[table]?.every((column) => columns.includes(column)) ?? true;
  };
  const known = Object.keys(marks).filter((table) => tables.includes(table));
  if (known.length > 0 && known.every(hasColumns)) return;
  throw new NamedFileFault(`${file} holds something else than ${name}: give another file, or move this one away`);
}
