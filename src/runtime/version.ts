import { readFileSync } from 'node:fs';

/** What this is a version of: `package.json` stands one folder above the sources, and above what is built of them. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
