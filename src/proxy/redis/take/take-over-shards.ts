import { type Command, ReplyType } from '../../../resp/index.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { ClientSession } from '../client-session.ts';
import type { CommandInfo, Rule } from '../commands/index.ts';
import type { RedisOwners } from '../redis-owners.ts';
import { GatheredAnswer } from '../requests/gathered-answer.ts';
import { NO_KEYS } from '../requests/routed-command.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { mergeEverywhere, mergeParts, scanAnswer, scanRequest, splitCommand } from '../split/index.ts';
import { argumentUtf8 } from './arguments.ts';
import { keyPlaces, ownerOfAll, ownersFor, textsAt } from './placing.ts';
import { sendByKeys } from './sending.ts';

type Way<Name extends Rule['way']> = Extract<Rule, { way: Name }>;

/** Commands that several shards answer together: keys of several shards, or all shards, one after the other or at once. */
export function takeOverShards(
  session: ClientSession,
  info: CommandInfo,
  rule: Way<'split' | 'scan' | 'everywhere'>,
  command: Command,
): void {
  const owners = ownersFor(session);
  if (owners === null) return;
  // All at one shard: nothing has to be taken apart.
  if (rule.way === 'split' && (ownerOfAll(owners, info, command) !== undefined || keyPlaces.count === 0))
    sendByKeys(session, info, command);
  else if (owners.size === 0) session.refuse('no_owner', 'CLUSTERDOWN The cluster is down');
  else if (rule.way === 'split') split(session, owners, info, rule, command);
  else if (rule.way === 'scan') scan(session, owners, info, command);
  else everywhere(session, owners, info, rule, command);
}

function split(
  session: ClientSession,
  owners: RedisOwners,
  info: CommandInfo,
  rule: Way<'split'>,
  command: Command,
): void {
  const { bytes, starts, ends } = command;
  const numbers = new Map<Upstream<RedisPool> | null, number>();
  const shardOf = (key: number): number => {
    const at = keyPlaces.at[key] as number;
    const owner = owners.ownerOfBytes(bytes, starts[at] as number, ends[at] as number);
    const number = numbers.get(owner) ?? numbers.size;
    numbers.set(owner, number);
    return number;
  };
  // `ownerOfAll` has stopped at the first key of another shard, and has found all places.
  const parts = splitCommand(rule, command, keyPlaces, shardOf);
  if (numbers.has(null)) {
    session.refuse('no_owner', 'CLUSTERDOWN Hash slot not served');
    return;
  }
  const texts = textsAt(command);
  const shards = [...numbers.keys()];
  const answer = new GatheredAnswer(session, (replies) => mergeParts(rule, parts, replies));
  for (const { shard, request, keys } of parts) {
    const [key = '', ...others] = keys.map((ordinal) => texts[ordinal] as string);
    answer.add(owners, shards[shard] as Upstream<RedisPool>, { key, others }, request);
  }
  begin(session, info, command, answer);
}

function everywhere(
  session: ClientSession,
  owners: RedisOwners,
  info: CommandInfo,
  { merge }: Way<'everywhere'>,
  command: Command,
): void {
  const answer = new GatheredAnswer(session, (replies) => mergeEverywhere(merge, replies));
  noteScript(session, info, command);
  const raw = command.raw();
  // Where the first answer counts, such as a random key, it is another shard's each time.
  const first = Math.floor(session.context.core.random() * owners.size);
  for (let i = 0; i < owners.size; i++) answer.add(owners, owners.reach((first + i) % owners.size), NO_KEYS, raw);
  begin(session, info, command, answer);
}

/** Shards that come later have to know the scripts, too. */
function noteScript(session: ClientSession, { name }: CommandInfo, { bytes, starts, ends }: Command): void {
  const scripts = session.context.scripts.of(session.entry.description.cluster);
  if (name === 'script|load') scripts.add(bytes.subarray(starts[2], ends[2]));
  else if (name === 'script|flush') scripts.clear();
}

/** SCAN: one shard after the other; the cursor says which, and where in it. */
function scan(session: ClientSession, owners: RedisOwners, info: CommandInfo, command: Command): void {
  const { cursors } = session.context;
  const shards = owners.size;
  const place = cursors.placeOf(argumentUtf8(command, 1), shards);
  if (place === null) {
    session.refuse('bad_command', 'ERR invalid cursor');
    return;
  }
  const answer = new GatheredAnswer(session, ([reply]) => {
    const whole = reply as Uint8Array;
    if (whole[0] !== ReplyType.Array) return whole;
    return scanAnswer(whole, (inner) => cursors.cursorAfter(place, inner, shards));
  });
  answer.add(owners, owners.reach(place.shard), NO_KEYS, scanRequest(command, place.inner));
  begin(session, info, command, answer);
}

function begin(session: ClientSession, info: CommandInfo, command: Command, answer: GatheredAnswer): void {
  const traffic = session.entry.trafficOf(info);
  traffic.requests++;
  traffic.requestBytes += command.end - command.start;
  session.expect(answer);
  answer.begin();
  if (answer.waits) session.waitForSending();
}
