import { chmodSync, closeSync, mkdirSync, openSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Its owner alone reads and writes it. */
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
const OTHERS = 0o077;

/**
 * Makes a folder, and those above it that are not there, for its owner alone. One that is there stays as it is.
 * Not by Node's `recursive`: given `a/b` in a working folder that has been deleted, that never returns.
 */
export function makePrivateFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  const above = dirname(folder);
  if (above !== folder) makePrivateFolder(above);
  try {
    mkdirSync(folder, PRIVATE_FOLDER);
  } catch (error) {
    // Another process may make it at the same time.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!statSync(folder).isDirectory()) throw new Error(`${folder} is a file, not a folder`, { cause: error });
  }
}

/**
 * Makes a file that is its owner's alone; one that is there, and that others may read, is taken from them. One that is there
 * is not opened: to close it again would end this process' locks on it, SQLite's among them.
 */
export function makePrivateFile(file: string): void {
  try {
    closeSync(openSync(file, 'wx', PRIVATE_FILE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    keepPrivate(file);
  }
}

/** Takes a file from others, where it is there and ours to change: an earlier release left it open to them. */
export function keepPrivate(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || (found.mode & OTHERS) === 0) return;
  try {
    chmodSync(file, PRIVATE_FILE);
  } catch (error) {
    // Another user's file: it is as its owner wants it.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}

/** Writes a file for its owner alone, on the disk when this returns: the whole of it, or what it was before. */
export function writePrivateFile(file: string, text: string): void {
  const fresh = `${file}.new`;
  makePrivateFile(fresh);
  writeFileSync(fresh, text, { flush: true });
  renameSync(fresh, file);
}
