import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command, Option } from 'commander';
import {
  type CallDescription,
  type HeaderTemplate,
  highestRate,
  type KeyDistribution,
  KeySpace,
  LoadRun,
  loadReport,
  type Pattern,
  PreparedCall,
  parseFailConditions,
  type Rate,
  reportText,
  type Spread,
  secondText,
  seeded,
  seriesCsv,
} from '../load/index.ts';
import { addressText, type HostPort, isLoopback } from '../topology/index.ts';
import {
  distributionOption,
  durationOption,
  durationOrNone,
  headerOption,
  linesOf,
  rateOption,
} from './load-options.ts';
import { addressOption, integerOption } from './options.ts';
import { EXIT_FAILURE, UsageError } from './usage-error.ts';

/** What nobody has said that the target can take. */
const MOST_PER_SECOND = 20_000;
const MOST_USERS = 1000;
const MOST_KEYS = 10_000_000;
const MOST_IN_FLIGHT = 100_000;

interface LoadFlags {
  readonly grpc?: string;
  readonly proto?: string;
  readonly include?: readonly string[];
  readonly http?: string;
  readonly data?: string;
  readonly header: readonly HeaderTemplate[];
  readonly ok: readonly string[];
  readonly keyHeader: string;
  readonly shardHeader: string;
  readonly projects: number;
  readonly documents: number;
  readonly keys?: string;
  readonly distribution: KeyDistribution;
  readonly rate: Rate;
  readonly spread: Spread;
  readonly users?: number;
  readonly connections: number;
  readonly duration: number;
  readonly warmUp: number;
  readonly timeout: number;
  readonly inFlight: number;
  readonly seed?: number;
  readonly json?: string;
  readonly csv?: string;
  readonly failOn?: string;
  readonly yesRemote?: true;
  readonly limit: boolean;
}

/** `keyway load`: what a target does under a load. */
export function loadCommand(): Command {
  const number = (most: number) => integerOption(1, most);
  return new Command('load')
    .description('put a load on a backend, behind a router or not, and say what it did')
    .argument('<target>', 'host:port, cleartext HTTP/2', addressOption)
    .option('--grpc <method>', 'package.Service/Method, a unary one; with --proto')
    .option('--proto <file>', 'the .proto file that has the service')
    .option('--include <folder...>', 'where what it imports is found')
    .option('--http <request>', "such as 'GET /notes/{{key}}'")
    .option('--data <text>', 'the content: of gRPC as JSON; {{key}}, {{seq}}, {{uuid}}, {{random 1 100}} in it')
    .option('--header <name: value>', 'sent along; {{key}} and the like in it; several times', headerOption, [])
    .option('--ok <status...>', 'statuses that are no errors here, such as NOT_FOUND or 404', [])
    .option('--key-header <name>', 'the header that the key is sent in', 'x-shard-key')
    .option('--shard-header <name>', 'the header of an answer that names who gave it', 'x-keyway-shard')
    .option('--projects <number>', 'keys are project-N/document-M of so many projects', number(MOST_KEYS), 50)
    .option('--documents <number>', 'and so many documents in each', number(MOST_KEYS), 2000)
    .option('--keys <file>', 'keys from a file, one a line')
    .option('--distribution <kind>', 'uniform, sequential, zipf:1.1, hot:0.9/0.01', distributionOption, {
      kind: 'uniform',
    } as const)
    .option('--rate <number>', 'requests a second: 1000, a ramp 100..5000, steps 100,200,400', rateOption, {
      kind: 'constant',
      perSecond: 100,
    } as const)
    .addOption(new Option('--spread <kind>', 'how they come').choices(['even', 'poisson']).default('poisson'))
    .option('--users <number>', 'in place of a rate: each asks again once it is answered', number(MOST_IN_FLIGHT))
    .option('--connections <number>', 'how many', number(10_000), 4)
    .option('--duration <time>', 'how long', durationOption, 10_000)
    .option('--warm-up <time>', 'before that, not counted; 0 for none', durationOrNone, 1000)
    .option('--timeout <time>', 'what takes longer counts as an error', durationOption, 10_000)
    .option('--in-flight <number>', 'no more unanswered requests than this', number(MOST_IN_FLIGHT), 10_000)
    .option('--seed <number>', 'the same keys and times again', integerOption(0, 2 ** 31))
    .option('--json <file>', 'write what came of it')
    .option('--csv <file>', 'write the seconds, for spreadsheets')
    .option('--fail-on <conditions>', 'such as p99>20ms,errors>0: then the exit code is 1')
    .option('--yes-remote', 'the target is not this machine, and that is meant')
    .option('--no-limit', `more than ${MOST_PER_SECOND} requests a second, or ${MOST_USERS} users`)
    .addHelpText(
      'after',
      `
Example:
  keyway load 127.0.0.1:8080 --grpc keyway.shard.v1.Documents/Put --proto protos/keyway/shard/v1/documents.proto \\
    --data '{"key": "{{key}}", "value": "aGVsbG8="}' --rate 1000 --duration 10s
  keyway load 127.0.0.1:8080 --http 'GET /notes/{{key}}' --users 50 --fail-on 'p99>20ms,errors>0'`,
    )
    .action((target: HostPort, flags: LoadFlags) => load(target, flags));
}

async function load(target: HostPort, flags: LoadFlags): Promise<void> {
  checkBounds(target, flags);
  const conditions = flags.failOn === undefined ? [] : asUsage(() => parseFailConditions(flags.failOn as string));
  const random = flags.seed === undefined ? Math.random : seeded(flags.seed);
  const description = callOf(flags);
  const headers = [{ name: flags.keyHeader, value: '{{key}}' }, ...flags.header];
  const call = asUsage(() => new PreparedCall(description, addressText(target), headers, flags.ok, random));
  const pattern: Pattern =
    flags.users === undefined
      ? { kind: 'open', rate: flags.rate, spread: flags.spread }
      : { kind: 'closed', users: flags.users };
  const keys = flags.keys === undefined ? KeySpace.of(flags.projects, flags.documents) : listedKeys(flags.keys);
  const run = new LoadRun(
    {
      target,
      connections: flags.connections,
      call,
      keys,
      distribution: flags.distribution,
      pattern,
      durationMs: flags.duration,
      warmUpMs: flags.warmUp,
      timeoutMs: flags.timeout,
      shardHeader: flags.shardHeader,
      mostInFlight: flags.inFlight,
    },
    {
      clock: () => performance.now(),
      random,
      onSecond: (second) => process.stderr.write(`${secondText(second)}\n`),
    },
  );
  const stopping = new AbortController();
  // Once: a second one ends it without a report.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const countedMs = await run.run(stopping.signal);
  const name = description.kind === 'grpc' ? description.method : `${description.method} ${description.path}`;
  const what = { target: addressText(target), call: name, pattern: patternText(pattern) };
  const report = loadReport(what, run.recorder, countedMs);
  process.stdout.write(reportText(report));
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`);
  if (flags.csv !== undefined) writeFileSync(flags.csv, seriesCsv(report.series));
  const faults = conditions.map((condition) => condition.fault(report)).filter((fault) => fault !== null);
  for (const fault of faults) process.stderr.write(`keyway: ${fault}\n`);
  process.exit(faults.length > 0 ? EXIT_FAILURE : 0);
}

/** @throws UsageError where somebody could be hurt by a slip */
function checkBounds(target: HostPort, { yesRemote, limit, users, rate, projects, documents }: LoadFlags): void {
  if (!isLoopback(target.host) && yesRemote !== true)
    throw new UsageError(`${addressText(target)} is not this machine; if that is meant, say --yes-remote`);
  if (limit && users === undefined && highestRate(rate) > MOST_PER_SECOND)
    throw new UsageError(
      `${highestRate(rate)} requests a second are more than ${MOST_PER_SECOND}; if that is meant, say --no-limit`,
    );
  if (limit && users !== undefined && users > MOST_USERS)
    throw new UsageError(`${users} users are more than ${MOST_USERS}; if that is meant, say --no-limit`);
  if (projects * documents > MOST_KEYS)
    throw new UsageError(
      `${projects * documents} keys are more than ${MOST_KEYS}; give fewer --projects or --documents`,
    );
}

/** @throws UsageError where it is not said what to call, or twice */
function callOf({ grpc, proto, include, http, data }: LoadFlags): CallDescription {
  if ((grpc === undefined) === (http === undefined)) throw new UsageError('say what to call: either --grpc or --http');
  if (grpc !== undefined) {
    if (proto === undefined) throw new UsageError('--grpc wants the .proto file of its service: --proto');
    return { kind: 'grpc', method: grpc, proto, include: [dirname(proto), ...(include ?? [])], data: data ?? '{}' };
  }
  const [, method, path] = /^([A-Z]+) (\/\S*)$/.exec(http as string) ?? [];
  if (method === undefined || path === undefined) throw new UsageError(`"${http}" is no request; write 'GET /path'`);
  return { kind: 'http', method, path, data: data ?? null };
}

function listedKeys(file: string): KeySpace {
  const keys = asUsage(() => linesOf(file));
  if (keys.length === 0) throw new UsageError(`${file} has no keys`);
  return KeySpace.listed(keys);
}

function patternText(pattern: Pattern): string {
  if (pattern.kind === 'closed') return `${pattern.users} users`;
  const { rate, spread } = pattern;
  const text =
    rate.kind === 'constant'
      ? `${rate.perSecond}`
      : rate.kind === 'ramp'
        ? `${rate.from}..${rate.to}`
        : rate.perSecond.join(',');
  return `${text} requests a second, ${spread}`;
}

/** What is wrong with what a person has written is wrong usage. */
function asUsage<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
