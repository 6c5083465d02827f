import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type ChannelCredentials, type ChannelOptions, credentials, Metadata } from '@grpc/grpc-js';
import type { z } from 'zod';
import {
  type CallSettings,
  callSchema,
  documentsPlan,
  type LoadPlanFile,
  type PreparedCall,
  planSchema,
  prepareCalls,
  reflectedFiles,
  type Target,
} from '../../../load/index.ts';
import { addressText } from '../../../runtime/address.ts';
import { DIRECT_CHANNEL } from '../../../runtime/direct-channel.ts';
import { plainText } from '../../../runtime/foreign-errors.ts';
import { UsageError } from '../../../runtime/usage-error.ts';
import { DOCUMENTS_PROTO } from '../../../shard/index.ts';
import { checkDocument, DocumentError, didYouMean, parseYaml, readDocument } from '../../../yaml/index.ts';
import type { Header } from './options.ts';

/** What the command line says about the calls. */
export interface CallFlags {
  readonly plan?: string;
  readonly mix?: ReadonlyMap<string, number>;
  readonly grpc?: string;
  readonly connect?: string;
  readonly http?: string;
  readonly proto?: string;
  readonly descriptors?: string;
  readonly include?: readonly string[];
  readonly data?: string;
  readonly messages?: number;
  readonly every?: string;
  readonly streams?: true;
  readonly revision?: string;
  readonly writes?: true;
  readonly header: readonly Header[];
  readonly ok: readonly string[];
  readonly keyHeader: string;
  readonly watch?: number;
  readonly life?: string;
}

/** The plan that the flags come to: a file's, a single call's, or that of Keyway's own shard. @throws UsageError DocumentError */
export function planOf(flags: CallFlags): LoadPlanFile {
  const plan = withWatches(basePlan(flags), flags);
  return flags.mix === undefined ? plan : withMix(plan, flags.mix);
}

function basePlan(flags: CallFlags): LoadPlanFile {
  const { plan: file, grpc, connect, http, proto, descriptors, include = [], ok } = flags;
  const single = [grpc, connect, http].filter((each) => each !== undefined);
  if (single.length > 1) throw new UsageError('give one call with --grpc, --connect or --http, or several with --plan');
  if (file !== undefined) {
    if (single.length > 0) throw new UsageError('--plan has the calls: leave out --grpc, --connect and --http');
    return readPlan(file);
  }
  const [called] = single;
  if (called === undefined) return documentsPlan(DOCUMENTS_PROTO);
  const { data, messages, every, streams, revision, writes, watch, life } = flags;
  const call = { grpc, connect, http, data, messages, every, streams, revision, writes, ok };
  const watched = watch === undefined ? {} : { watch: { open: watch, life }, weight: 0 };
  const settings = checkedFlags({ ...call, ...watched }, callSchema);
  const name = http === undefined ? called.slice(called.lastIndexOf('/') + 1).toLowerCase() : 'request';
  return { proto, descriptors, include: [...include], calls: { [name]: settings } };
}

/** What flags come to, which are named as the fields of a plan are. @throws UsageError naming the flags */
function checkedFlags<Schema extends z.ZodType>(value: object, schema: Schema): z.output<Schema> {
  try {
    return checkDocument(value, '', schema, (each) => each);
  } catch (cause) {
    if (!(cause instanceof DocumentError)) throw cause;
    const faults = cause.faults.map(({ path, message }) => `--${path.split('.').at(-1)}: ${message}`);
    throw new UsageError(faults.join('\n'), { cause });
  }
}

/** Reads a plan; the files that it names are beside it. @throws DocumentError */
function readPlan(file: string): LoadPlanFile {
  const { proto, descriptors, include, calls } = parseYaml(readDocument(file), file, planSchema, (value) => value);
  const beside = (name: string): string => resolve(dirname(file), name);
  return {
    proto: proto === undefined ? undefined : beside(proto),
    descriptors: descriptors === undefined ? undefined : beside(descriptors),
    include: include.map(beside),
    calls,
  };
}

/** `--watch` and `--life` are about the plan's watch. */
function withWatches(plan: LoadPlanFile, { watch: open, life }: CallFlags): LoadPlanFile {
  if (open === undefined && life === undefined) return plan;
  const found = Object.entries(plan.calls).find(([, { watch }]) => watch !== undefined);
  if (found === undefined) throw new UsageError('no call is a watch: set watch in the plan, or use --watch');
  const [name, call] = found;
  const changed = checkedFlags({ open, life }, callSchema.shape.watch.unwrap());
  const watch = {
    open: open ?? call.watch?.open ?? 0,
    life: changed.life ?? call.watch?.life,
    resumes: call.watch?.resumes ?? false,
  };
  return { ...plan, calls: { ...plan.calls, [name]: { ...call, watch } } };
}

function withMix(plan: LoadPlanFile, mix: ReadonlyMap<string, number>): LoadPlanFile {
  const names = Object.keys(plan.calls);
  for (const name of mix.keys()) {
    if (names.includes(name)) continue;
    throw new UsageError(`--mix: there is no call ${name}, but ${names.join(', ')}${didYouMean(name, names)}`);
  }
  const calls = Object.entries(plan.calls).map(([name, call]): [string, CallSettings] => [
    name,
    { ...call, weight: mix.get(name) ?? 0 },
  ]);
  return { ...plan, calls: Object.fromEntries(calls) };
}

/** Makes a plan's calls ready. @throws UsageError where they cannot be made as they are described */
export async function preparedCalls(
  { proto, descriptors, include, calls }: LoadPlanFile,
  { header, keyHeader }: CallFlags,
  target: Target,
  random: () => number,
  firstKey: string,
): Promise<PreparedCall[]> {
  const authority = addressText(target);
  const schema =
    proto !== undefined
      ? ({ kind: 'proto', file: proto, include: [dirname(proto), ...include] } as const)
      : descriptors !== undefined
        ? ({ kind: 'descriptors', file: descriptors } as const)
        : null;
  const reflect = (service: string): Promise<Uint8Array[]> => {
    // Behind a router the question has to find a shard, as any other.
    const metadata = new Metadata();
    metadata.set(keyHeader, firstKey);
    return reflectedFiles(authority, service, channelTo(target), metadata);
  };
  const headers = [[keyHeader, '{{key}}'] as const, ...header];
  const surroundings = { authority, scheme: target.tls === null ? 'http' : 'https', headers, random } as const;
  try {
    return await prepareCalls(calls, surroundings, schema, reflect);
  } catch (error) {
    // What is wrong with what a person has written is wrong usage.
    throw new UsageError(plainText(error), { cause: error });
  }
}

/** How gRPC's own client reaches a target. */
function channelTo({ tls }: Target): { readonly credentials: ChannelCredentials; readonly options: ChannelOptions } {
  if (tls === null) return { credentials: credentials.createInsecure(), options: DIRECT_CHANNEL };
  return {
    credentials: credentials.createSsl(tls.ca === null ? null : Buffer.from(tls.ca)),
    options: {
      ...DIRECT_CHANNEL,
      ...(tls.serverName === '' ? {} : { 'grpc.ssl_target_name_override': tls.serverName }),
    },
  };
}

/** The authorities in a file. @throws UsageError */
export function authorities(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--ca ${plainText(error)}`, { cause: error });
  }
}
