import { printableLine } from '../../../runtime/printable.ts';
import { LineFile } from './line-file.ts';
import type { HttpStream, RequestFacts } from './request-facts.ts';
import { Sampler } from './sampler.ts';

/** What is written about requests that have ended. Plain data. */
export interface AccessLogDescription {
  /** Where to: `-` for standard output, or a file, which is appended to. */
  readonly path: string;
  /** The share of requests that are written. */
  readonly sample: number;
  /** `json`, or a text in which `{field}` stands for a field of `AccessEntry`. */
  readonly format: string;
}

/** What is known of a request at its end. */
export interface AccessEntry extends RequestFacts, Omit<HttpStream, 'ageMs'> {
  /** Why the router answered itself; empty where the shard did. */
  readonly refusal: string;
  readonly durationMs: number;
}

export const ACCESS_FIELDS: ReadonlyArray<keyof AccessEntry | 'time'> = [
  'time',
  'client',
  'version',
  'protocol',
  'method',
  'authority',
  'path',
  'route',
  'cluster',
  'shard',
  'key',
  'requestId',
  'status',
  'grpcStatus',
  'refusal',
  'durationMs',
  'requestBytes',
  'responseBytes',
  'retries',
];

/** Writes lines about requests that have ended: JSON, or a text with a format of the user's own. */
export class AccessLog {
  readonly #sampler: Sampler;
  readonly #now: () => string;
  readonly #line: (entry: AccessEntry, time: string) => string;
  readonly #file: LineFile;

  /** @param now the time of day, as lines have it */
  constructor({ path, sample, format }: AccessLogDescription, random: () => number, now: () => string) {
    this.#sampler = new Sampler(sample, random);
    this.#now = now;
    this.#line = format === 'json' ? jsonLine : templateLine(format);
    this.#file = new LineFile(path);
  }

  /** Whether this request is one of the share that is written. */
  pick(): boolean {
    return this.#sampler.pick();
  }

  write(entry: AccessEntry): void {
    this.#file.write(`${this.#line(entry, this.#now())}\n`);
  }

  /** Writes what was collected, and no more; see `LineFile.close`. */
  close(): Promise<void> {
    return this.#file.close();
  }
}

function jsonLine(entry: AccessEntry, time: string): string {
  return printableLine(JSON.stringify({ time, ...entry }));
}

/** A text with `{field}` in it, cut up once. */
function templateLine(format: string): (entry: AccessEntry, time: string) => string {
  const parts = format.split(/\{(\w+)\}/g);
  const endings = parts.map((_, i) => separators(parts[i + 1] ?? ''));
  return (entry, time) => {
    let line = '';
    for (const [i, part] of parts.entries()) {
      // Texts and names of fields take turns.
      if (i % 2 === 0) line += part;
      else if (part === 'time') line += time;
      else line += shown(entry[part as keyof AccessEntry], endings[i] as RegExp);
    }
    return line;
  };
}

/** Where a field could be taken to end: at blanks, quotes, and what the format has behind it; and what escapes them. */
function separators(behind: string): RegExp {
  const [first] = behind;
  const next = first === undefined ? '' : `\\u{${(first.codePointAt(0) as number).toString(16)}}`;
  return new RegExp(`[\\s"\\\\${next}]`, 'gu');
}

/** A field's value, in which nothing stands that could be taken for its end, for another field or for another line. */
function shown(value: unknown, ending: RegExp): string {
  if (value === null || value === undefined || value === '') return '-';
  // What is not there is written so.
  if (value === '-') return '\\x2d';
  return typeof value === 'string' ? printableLine(value.replaceAll(ending, hexEscape)) : String(value);
}

function hexEscape(character: string): string {
  const code = character.codePointAt(0) as number;
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** A field that a format names and that there is not; null where it is right. */
export function formatFault(format: string): string | null {
  for (const [, name] of format.matchAll(/\{(\w+)\}/g))
    if (!(ACCESS_FIELDS as readonly string[]).includes(name ?? ''))
      return `there is no field ${name}; known ones are ${ACCESS_FIELDS.join(', ')}`;
  return null;
}
