import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { fileFault } from './foreign-errors.ts';

/** As many characters as make guessing a token hopeless. */
export const SHORTEST_TOKEN = 16;

/** A file that a setting or an option names cannot be used. Its message begins with the file's name, and shows nothing of what it holds. */
export class NamedFileFault extends Error {
  override readonly name = 'NamedFileFault';
}

/** Of a file that is to be made. */
export const NO_FOLDER = 'its folder does not exist';

/** What a file holds. @throws NamedFileFault where it cannot be read */
export function namedFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new NamedFileFault(`${file}: ${fileFault(cause)}`, { cause });
  }
}

/** Writes a file. @throws NamedFileFault where it cannot be written */
export function writeNamedFile(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw notWritten(file, cause);
  }
}

/** Sees that a file can be written, later: makes it where it is not there. @throws NamedFileFault where it cannot */
export function checkWritable(file: string): void {
  try {
    closeSync(openSync(file, 'a'));
  } catch (cause) {
    throw notWritten(file, cause);
  }
}

/** What is written need not be there, but the folder that it goes to. */
function notWritten(file: string, cause: unknown): NamedFileFault {
  const fault = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? NO_FOLDER : fileFault(cause);
  return new NamedFileFault(`${file}: ${fault}`, { cause });
}

/**
 * The token, or password, in a file, without the white space around it.
 * @param least as many characters as it has to have
 * @throws NamedFileFault where it cannot be read, is empty, or holds fewer
 */
export function secretIn(file: string, least = 1): string {
  const secret = namedFile(file).toString('utf8').trim();
  if (secret === '') throw new NamedFileFault(`${file} is empty`);
  if (secret.length < least) throw new NamedFileFault(`${file} holds fewer than ${least} characters`);
  return secret;
}
