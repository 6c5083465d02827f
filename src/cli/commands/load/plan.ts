import {
  highestRate,
  type KeyDistribution,
  KeySpace,
  type LoadPlan,
  MAX_OPERATIONS,
  type Pattern,
  type PreparedCall,
  type Rate,
  type Spread,
  type Target,
} from '../../../load/index.ts';
import { addressText, isLoopback } from '../../../runtime/address.ts';
import { plainText } from '../../../runtime/foreign-errors.ts';
import { UsageError } from '../../../runtime/usage-error.ts';
import { authorities, type CallFlags } from './calls.ts';
import { linesOf, MAX_KEYS, MAX_PER_SECOND, MAX_USERS, type TargetOption, WATCH_CONNECTIONS } from './options.ts';

/** What the command line says. */
export interface LoadFlags extends CallFlags {
  readonly http1?: true;
  readonly ca?: string;
  readonly serverName?: string;
  readonly lines?: string;
  readonly shardHeader: string;
  readonly projects: number;
  readonly documents: number;
  readonly keys?: string;
  readonly distribution: KeyDistribution;
  readonly rate: Rate;
  readonly spread: Spread;
  readonly users?: number;
  readonly connections: number;
  readonly watchConnections?: number;
  readonly duration: number;
  readonly warmUp: number;
  readonly timeout: number;
  readonly inFlight: number;
  readonly seed?: number;
  readonly at?: readonly string[];
  readonly afterCommands?: number;
  readonly registry?: string;
  readonly check?: true;
  readonly pause: number;
  readonly live?: boolean;
  readonly json?: string;
  readonly csv?: string;
  readonly html?: string;
  readonly failOn?: string;
  readonly yesRemote?: true;
  readonly limit: boolean;
}

/** The run that the flags come to. @throws UsageError */
export function planOfRun(flags: LoadFlags, target: Target, keys: KeySpace, calls: readonly PreparedCall[]): LoadPlan {
  const pattern: Pattern =
    flags.users === undefined
      ? { kind: 'open', rate: flags.rate, spread: flags.spread }
      : { kind: 'closed', users: flags.users };
  const wantsLines = calls.some((call) => call.has('line'));
  if (wantsLines && flags.lines === undefined) throw new UsageError('{{line}} needs a file of lines: --lines');
  const http1 = flags.http1 === true;
  const grpc = calls.find(({ settings }) => settings.grpc !== undefined);
  if (http1 && grpc !== undefined) throw new UsageError(`${grpc.what} is called by gRPC, which HTTP/1.1 cannot carry`);
  const standing = calls.reduce((sum, { settings }) => sum + (settings.watch?.open ?? 0), 0);
  return {
    target,
    http1,
    connections: flags.connections,
    watchConnections: flags.watchConnections ?? (http1 ? Math.max(standing, WATCH_CONNECTIONS) : WATCH_CONNECTIONS),
    calls,
    weights: calls.map(({ settings }) => settings.weight),
    keys,
    distribution: flags.distribution,
    lines: flags.lines === undefined ? [] : listed(flags.lines, 'lines'),
    pattern,
    durationMs: flags.duration,
    warmUpMs: flags.warmUp,
    timeoutMs: flags.timeout,
    shardHeader: flags.shardHeader.toLowerCase(),
    maxInFlight: flags.inFlight,
    pauseMs: flags.pause,
    checks: flags.check === true,
  };
}

export function targetOf({ host, port, isTls }: TargetOption, { ca, serverName }: LoadFlags): Target {
  if (!isTls && (ca ?? serverName) !== undefined)
    throw new UsageError('--ca and --server-name are for https:// targets');
  const tls = isTls ? { serverName: serverName ?? '', ca: ca === undefined ? null : authorities(ca) } : null;
  return { host, port, tls };
}

/** @throws UsageError where a slip could do harm */
export function checkBounds(target: TargetOption, flags: LoadFlags): void {
  const { yesRemote, limit, users, rate, projects, documents, check, duration } = flags;
  if (!isLoopback(target.host) && yesRemote !== true)
    throw new UsageError(`${addressText(target)} is another machine; if that is intended, add --yes-remote`);
  if (limit && users === undefined && highestRate(rate) > MAX_PER_SECOND)
    throw new UsageError(
      `${highestRate(rate)} requests a second are more than ${MAX_PER_SECOND}; if that is intended, add --no-limit`,
    );
  if (limit && users !== undefined && users > MAX_USERS)
    throw new UsageError(`${users} users are more than ${MAX_USERS}; if that is intended, add --no-limit`);
  if (projects * documents > MAX_KEYS)
    throw new UsageError(
      `${projects * documents} keys are more than ${MAX_KEYS}; give fewer --projects or --documents`,
    );
  if (check === true && users === undefined && (highestRate(rate) * duration) / 1000 > MAX_OPERATIONS)
    throw new UsageError(`--check keeps ${MAX_OPERATIONS} requests; give a smaller --rate or --duration`);
}

/** Those of a file, or of projects and documents. @throws UsageError */
export function keysOf({ keys, projects, documents }: LoadFlags): KeySpace {
  return keys === undefined ? KeySpace.of(projects, documents) : KeySpace.listed(listed(keys, 'keys'));
}

function listed(file: string, what: string): string[] {
  const lines = asUsage(() => linesOf(file));
  if (lines.length === 0) throw new UsageError(`${file} has no ${what}`);
  return lines;
}

/** What is called, and how much of it. */
export function callText({ calls, weights }: LoadPlan): string {
  const [only] = calls;
  if (calls.length === 1 && only !== undefined) return only.what;
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const made = calls.flatMap(({ name }, i) => {
    const weight = weights[i] as number;
    return weight === 0 ? [] : [`${name} ${((100 * weight) / all).toFixed(0)}%`];
  });
  return made.length === 0 ? 'watches' : made.join(', ');
}

/** How requests come, for people. */
export function patternText({ pattern, calls }: LoadPlan): string {
  const standing = calls.reduce((sum, { settings }) => sum + (settings.watch?.open ?? 0), 0);
  const watches = standing === 0 ? [] : [`${standing} watches`];
  if (pattern.kind === 'closed') return [`${pattern.users} users`, ...watches].join(', ');
  const { rate, spread } = pattern;
  if (highestRate(rate) === 0) return watches.join(', ') || 'no requests';
  const text =
    rate.kind === 'constant'
      ? `${rate.perSecond}`
      : rate.kind === 'ramp'
        ? `${rate.from}..${rate.to}`
        : rate.perSecond.join(',');
  return [`${text} requests per second, ${spread}`, ...watches].join(', ');
}

/** What is wrong with what a person has written is wrong usage. */
export function asUsage<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw new UsageError(plainText(error), { cause: error });
  }
}
