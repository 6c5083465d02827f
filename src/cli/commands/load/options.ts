import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { KeyDistribution, Rate } from '../../../load/index.ts';
import { type HostPort, splitAddress } from '../../../runtime/address.ts';
import { durationOption, reachableOption } from '../../options/options.ts';

/** A load exceeds these only on request: nothing says that the target can take more. */
export const MAX_PER_SECOND = 20_000;
export const MAX_USERS = 1000;
export const MAX_KEYS = 10_000_000;
/** Watches share connections in HTTP/2; in HTTP/1.1 each has one of its own. */
export const WATCH_CONNECTIONS = 10;

/** Reads `1000`, `100..5000` (a ramp), `100,200,400` (steps). */
export function rateOption(text: string): Rate {
  const numbers = (parts: readonly string[]): number[] => {
    const all = parts.map(Number);
    if (all.some((number) => !(number >= 0) || !Number.isFinite(number)))
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

/** A name and a value with `{{names}}`. */
export type Header = readonly [name: string, value: string];

/** Reads `name: value`, several times. */
export function headerOption(text: string, before: readonly Header[] = []): Header[] {
  const [, name, value] = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*?)\s*$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError("write a header as 'name: value', with {{key}} and the like in the value.");
  return [...before, [name, value]];
}

/** The lines of a file that are not empty. */
export function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** A target, as it is written. */
export interface TargetOption extends HostPort {
  readonly isTls: boolean;
}

/** Reads `host:port`, `http://host:port`, `https://host:port`. */
export function targetOption(text: string): TargetOption {
  const [, scheme, rest = ''] = /^(?:(https?):\/\/)?(.*?)\/?$/.exec(text) ?? [];
  if (scheme === undefined) return { ...reachableOption(text), isTls: false };
  const isTls = scheme === 'https';
  const { port } = splitAddress(rest);
  return { ...reachableOption(Number.isNaN(port) ? `${rest}:${isTls ? 443 : 80}` : rest), isTls };
}

/** Reads `put=20,get=70,watch=10`. */
export function mixOption(text: string): ReadonlyMap<string, number> {
  const parts = text.split(',').map((part) => /^\s*([\w-]+)\s*=\s*([0-9.]+)\s*$/.exec(part));
  const weights = new Map(parts.map((part) => [part?.[1] ?? '', Number(part?.[2] ?? Number.NaN)] as const));
  if ([...weights].some(([name, weight]) => name === '' || !(weight >= 0)) || weights.size < parts.length)
    throw new InvalidArgumentError('write each call with its weight: put=20,get=70,watch=10.');
  return weights;
}

/** A command to run while the load runs. */
export interface TimedCommand {
  readonly atMs: number;
  readonly command: string;
}

/** Reads `30s 'command'`, several times: times and commands in turn. */
export function timedCommands(words: readonly string[]): TimedCommand[] {
  const commands: TimedCommand[] = [];
  for (let i = 0; i < words.length; i += 2) {
    const [time = '', command] = words.slice(i, i + 2);
    if (command === undefined)
      throw new InvalidArgumentError(`--at ${time}: write a time and a command: --at 30s 'keyway shard remove s3'`);
    commands.push({ atMs: timeOf(time), command });
  }
  return commands;
}

function timeOf(text: string): number {
  try {
    return durationOption()(text);
  } catch (cause) {
    throw new InvalidArgumentError(`--at ${text}: ${(cause as Error).message.replace(/\.$/, '')}`);
  }
}
