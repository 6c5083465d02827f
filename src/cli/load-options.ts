import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { HeaderTemplate, KeyDistribution, Rate } from '../load/index.ts';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads `30s`, `500ms`, `2m`. @returns milliseconds */
export function durationOption(text: string): number {
  const [, number = '', unit = ''] = /^([0-9.]+)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (UNITS_MS[unit] ?? Number.NaN);
  if (!(ms > 0)) throw new InvalidArgumentError('write a time such as 30s, 500ms or 2m.');
  return ms;
}

/** The same, and `0` for none. */
export function durationOrNone(text: string): number {
  return text === '0' ? 0 : durationOption(text);
}

/** Reads `1000`, `100..5000` (a ramp), `100,200,400` (steps). */
export function rateOption(text: string): Rate {
  const numbers = (parts: readonly string[]): number[] => {
    const all = parts.map(Number);
    if (all.some((number) => !(number >= 0) || !Number.isFinite(number)) || Math.max(...all) === 0)
      throw new InvalidArgumentError('write requests a second: 1000, a ramp 100..5000, or steps 100,200,400.');
    return all;
  };
  if (text.includes('..')) {
    const [from = 0, to = 0, more] = numbers(text.split('..'));
    if (more !== undefined) throw new InvalidArgumentError('write a ramp as 100..5000.');
    return { kind: 'ramp', from, to };
  }
  const perSecond = numbers(text.split(','));
  return perSecond.length > 1 ? { kind: 'steps', perSecond } : { kind: 'constant', perSecond: perSecond[0] as number };
}

/** Reads `uniform`, `sequential`, `zipf`, `zipf:1.1`, `hot:0.9/0.01`. */
export function distributionOption(text: string): KeyDistribution {
  const [kind, rest] = text.split(':');
  if ((kind === 'uniform' || kind === 'sequential') && rest === undefined) return { kind };
  if (kind === 'zipf') {
    const exponent = Number(rest ?? 1);
    if (exponent > 0 && exponent <= 10) return { kind, exponent };
  }
  const [requests, keys] = (rest ?? '').split('/').map(Number);
  if (kind === 'hot' && isShare(requests) && isShare(keys)) return { kind, requests, keys };
  throw new InvalidArgumentError(
    'write uniform, sequential, zipf:1.1, or hot:0.9/0.01 (nine tenths of requests about a hundredth of keys).',
  );
}

function isShare(number: number | undefined): number is number {
  return number !== undefined && number > 0 && number <= 1;
}

/** Reads `name: value`, several times. */
export function headerOption(text: string, before: readonly HeaderTemplate[] = []): HeaderTemplate[] {
  const [, name, value] = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*?)\s*$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError("write a header as 'name: value', with {{key}} and the like in the value.");
  return [...before, { name, value }];
}

/** The lines of a file that are not empty. */
export function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
