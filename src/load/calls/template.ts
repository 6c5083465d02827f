import { randomUUID } from 'node:crypto';

/** What the names in a template stand for, of one request. */
export interface TemplateValues {
  readonly key: string;
  readonly project: string;
  readonly document: string;
  /** Counts the requests. */
  readonly seq: number;
  /** The next line of the file of lines. */
  readonly line: string;
  /** The last that a watch has seen; 0: none yet. */
  readonly revision: number;
}

/** Values with which a template can be tried. */
export const SAMPLE: TemplateValues = {
  key: 'project/document',
  project: 'project',
  document: 'document',
  seq: 0,
  line: '{}',
  revision: 0,
};

/** A template that is none. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

type Part = string | ((values: TemplateValues) => string);

const VALUES = ['key', 'project', 'document', 'seq', 'line', 'revision'] as const satisfies ReadonlyArray<
  keyof TemplateValues
>;
/** Those that are the same whenever the key is. */
const OF_KEY: ReadonlySet<string> = new Set(['key', 'project', 'document']);
const NAMES = `${VALUES.map((name) => `{{${name}}}`).join(', ')}, {{uuid}}, {{random LEAST MOST}}`;

/** Text with `{{names}}` in it, for requests. */
export class Template {
  readonly #parts: readonly Part[];
  readonly #names = new Set<string>();

  /** @param what for people: what it is a template of. @param random from 0 on, below 1. @throws TemplateError */
  constructor(text: string, what: string, random: () => number) {
    const parts: Part[] = [];
    let at = 0;
    for (const match of text.matchAll(/\{\{(.*?)\}\}/gs)) {
      if (match.index > at) parts.push(text.slice(at, match.index));
      parts.push(this.#part(match[1] ?? '', `${what}, character ${match.index + 1}`, random));
      at = match.index + match[0].length;
    }
    if (at < text.length) parts.push(text.slice(at));
    this.#parts = parts;
  }

  /** Whether all requests have the same. */
  get isConstant(): boolean {
    return this.#names.size === 0;
  }

  /** Whether all requests about one key have the same. */
  get dependsOnKeyAlone(): boolean {
    return [...this.#names].every((name) => OF_KEY.has(name));
  }

  has(name: keyof TemplateValues): boolean {
    return this.#names.has(name);
  }

  render(values: TemplateValues): string {
    let text = '';
    for (const each of this.#parts) text += typeof each === 'string' ? each : each(values);
    return text;
  }

  #part(inner: string, where: string, random: () => number): Part {
    const [name = '', ...args] = inner.trim().split(/\s+/);
    this.#names.add(name);
    if (args.length === 0) {
      const value = VALUES.find((each) => each === name);
      if (value !== undefined) return (values) => String(values[value]);
      if (name === 'uuid') return () => randomUUID();
    }
    const [least, most] = args.map(Number);
    if (name === 'random' && args.length === 2 && Number.isInteger(least) && Number.isInteger(most)) {
      const [from, to] = [least as number, most as number];
      if (to >= from) return () => String(from + Math.floor(random() * (to - from + 1)));
    }
    throw new TemplateError(`${where}: {{${inner}}} is not one of ${NAMES}`);
  }
}
