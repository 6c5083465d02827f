import { randomUUID } from 'node:crypto';
import type { LoadKey } from './keys.ts';

/** What the names in a template stand for. */
export interface TemplateValues extends LoadKey {
  /** Counts the requests. */
  readonly seq: number;
}

/** A template that is none. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

type Part = string | ((values: TemplateValues) => string);

const NAMES = '{{key}}, {{project}}, {{document}}, {{seq}}, {{uuid}}, {{random LEAST MOST}}';

/** Text with `{{names}}` in it, for requests. */
export class Template {
  readonly #parts: readonly Part[];

  /** @param what for people: what it is a template of. @param random from 0 on, below 1. @throws TemplateError */
  constructor(text: string, what: string, random: () => number) {
    const parts: Part[] = [];
    let at = 0;
    for (const match of text.matchAll(/\{\{(.*?)\}\}/gs)) {
      if (match.index > at) parts.push(text.slice(at, match.index));
      parts.push(part(match[1] ?? '', `${what}, character ${match.index + 1}`, random));
      at = match.index + match[0].length;
    }
    if (at < text.length) parts.push(text.slice(at));
    this.#parts = parts;
  }

  /** Whether all requests have the same. */
  get isConstant(): boolean {
    return this.#parts.every((each) => typeof each === 'string');
  }

  render(values: TemplateValues): string {
    let text = '';
    for (const each of this.#parts) text += typeof each === 'string' ? each : each(values);
    return text;
  }
}

function part(inner: string, where: string, random: () => number): Part {
  const [name, ...args] = inner.trim().split(/\s+/);
  if (args.length === 0) {
    if (name === 'key' || name === 'project' || name === 'document') return (values) => values[name];
    if (name === 'seq') return ({ seq }) => String(seq);
    if (name === 'uuid') return () => randomUUID();
  }
  const [least, most] = args.map(Number);
  if (name === 'random' && args.length === 2 && Number.isInteger(least) && Number.isInteger(most)) {
    const [from, to] = [least as number, most as number];
    if (to >= from) return () => String(from + Math.floor(random() * (to - from + 1)));
  }
  throw new TemplateError(`${where}: {{${inner}}} is none of ${NAMES}`);
}
