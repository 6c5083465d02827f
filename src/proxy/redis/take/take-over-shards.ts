import { slotOf } from '../../../placement/index.ts';
import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import type { CommandInfo, Rule } from '../commands/index.ts';
import type { RedisOwners } from '../redis-owners.ts';
import { GatheredAnswer, uncounted } from '../requests/gathered-answer.ts';
import { RedisRequest } from '../requests/redis-request.ts';
import { OF_ITS_SHARD } from '../requests/routed-command.ts';
import { type Divisible, divide } from '../requests/split-request.ts';
import { mergeEverywhere } from '../split/index.ts';
import { ERRORS } from '../words.ts';
import { keyPlaces, ownerOfAll, ownersFor } from './placing.ts';
import { sendByKeys } from './sending.ts';

/** Behind a command of more parts than this nothing is sent until it is answered. */
const MAX_PARTS_AHEAD = 256;

type Way<Name extends Rule['way']> = Extract<Rule, { way: Name }>;

/** Commands that several shards answer together: those of their keys, or all. */
export function takeOverShards(
  session: ClientSession,
  info: CommandInfo,
  rule: Way<'split' | 'everywhere'>,
  command: Command,
): void {
  const owners = ownersFor(session);
  if (owners === null) return;
  // All at one shard: nothing has to be taken apart.
  if (rule.way === 'split' && isForOne(session, owners, info, command)) sendByKeys(session, info, command);
  else if (owners.size === 0) session.refuse('no_owner', 'CLUSTERDOWN The cluster is down');
  else if (rule.way === 'split') split(session, owners, { info, rule }, command);
  else everywhere(session, owners, info, rule, command);
}

/** Whether one shard takes a command as it is; what is wrong with one without keys, a shard says. */
function isForOne(session: ClientSession, owners: RedisOwners, info: CommandInfo, command: Command): boolean {
  const owner = ownerOfAll(owners, info, command);
  if (keyPlaces.count === 0) return true;
  return owner !== undefined && (!session.context.oneSlotEach.has(owners.name) || isOfOneSlot(command));
}

function isOfOneSlot({ bytes, starts, ends }: Command): boolean {
  const slotAt = (key: number): number => {
    const at = keyPlaces.at[key] as number;
    return slotOf(bytes, starts[at] as number, ends[at] as number);
  };
  const first = slotAt(0);
  for (let key = 1; key < keyPlaces.count; key++) if (slotAt(key) !== first) return false;
  return true;
}

function split(session: ClientSession, owners: RedisOwners, divisible: Divisible, command: Command): void {
  // `ownerOfAll` has found all places.
  const answer = divide(session, owners, divisible, command, keyPlaces);
  if (answer === null) session.refuse('no_owner', ERRORS.notServed);
  else beginGathered(session, divisible.info, command, answer);
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
  for (let i = 0; i < owners.size; i++) {
    const owner = owners.reach((first + i) % owners.size);
    const request = new RedisRequest(answer, uncounted, owners, owner, OF_ITS_SHARD, raw);
    request.mayWrite = info.mayWrite;
    answer.add(request);
  }
  beginGathered(session, info, command, answer);
}

/** Shards that come later have to know the scripts, too. */
function noteScript(session: ClientSession, { name }: CommandInfo, { bytes, starts, ends }: Command): void {
  const scripts = session.context.scripts.of(session.entry.description.cluster);
  if (name === 'script|load') scripts.add(bytes.subarray(starts[2], ends[2]));
  else if (name === 'script|flush') scripts.clear();
}

/** Sends the parts of a command whose answer has its place among those of the client. */
export function beginGathered(
  session: ClientSession,
  info: CommandInfo,
  command: Command,
  answer: GatheredAnswer,
): void {
  const traffic = session.entry.trafficOf(info);
  traffic.requests++;
  traffic.requestBytes += command.end - command.start;
  session.expect(answer);
  answer.begin();
  if (answer.waits) session.waitForSending();
  // As many commands are under way as there are parts.
  if (answer.size > MAX_PARTS_AHEAD) session.waitForAll();
}
