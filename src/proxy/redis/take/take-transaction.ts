import { arrayReply, type Command, nullArray, OK } from '../../../resp/index.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { ClientSession } from '../client-session.ts';
import { maxWholeBytes } from '../command-limits.ts';
import type { CommandInfo } from '../commands/index.ts';
import { answerRole } from '../names/answer-role.ts';
import { NamesInAnswer } from '../names/names-in-answer.ts';
import type { RedisOwners } from '../redis-owners.ts';
import { Later } from '../requests/later.ts';
import { isKeyless } from '../requests/routed-command.ts';
import { Transaction, TransactionRequest } from '../requests/transaction.ts';
import { WatchRequest } from '../requests/watch-request.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { ERRORS, notInTransaction } from '../words.ts';
import { keyPlaces, ownerOfAll, ownersFor, textsAt } from './placing.ts';

/** Commands that the router answers itself elsewhere, and a shard as well. */
const ALSO_AT_SHARDS: ReadonlySet<string> = new Set(['ping', 'echo', 'unwatch']);
/** They end a transaction, or begin another state. */
const NOT_QUEUED: ReadonlySet<string> = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);

/** Whether a command is one that waits for EXEC. */
export function isQueued(session: ClientSession, info: CommandInfo): boolean {
  return session.transaction !== null && !NOT_QUEUED.has(info.name);
}

/** Keeps a command for EXEC, if it may be part of a transaction of the one shard that all its keys are at. */
export function queueCommand(
  session: ClientSession,
  transaction: Transaction,
  info: CommandInfo,
  command: Command,
): void {
  const fault = faultInTransaction(session, transaction, info, command);
  if (fault === null)
    session.say(transaction.add(command.raw(), keyPlaces.count > 0 ? textsAt(command) : [], answerRole(info)));
  else {
    transaction.isFaulty = true;
    session.refuse('refused_command', fault);
  }
}

function faultInTransaction(
  session: ClientSession,
  transaction: Transaction,
  info: CommandInfo,
  command: Command,
): string | null {
  const { way } = info.rule;
  const isForShard =
    ['keys', 'script', 'split', 'blocking', 'channel', 'any'].includes(way) || ALSO_AT_SHARDS.has(info.name);
  if (!isForShard) return notInTransaction(info.name);
  const { owners } = session.entry;
  if (owners === null) return 'CLUSTERDOWN The cluster is down';
  const owner = ownerOfAll(owners, info, command);
  const bytes = command.end - command.start;
  const isTooLarge = transaction.bytes + bytes > maxWholeBytes(session.context.core);
  if (isTooLarge || !transaction.hasRoomFor(bytes, keyPlaces.count)) return ERRORS.tooLarge;
  if (keyPlaces.count === 0) return null;
  const first = transaction.owner ?? ownerOfWatched(session, owners);
  if (owner === undefined || (first !== null && owner !== first)) return ERRORS.crossSlot;
  if (owner === null) return ERRORS.notServed;
  transaction.owner = owner;
  return null;
}

/** The owner by now of what a client watches, which may have moved since; null where it watches nothing. */
function ownerOfWatched({ watching }: ClientSession, owners: RedisOwners): Upstream<RedisPool> | null {
  const [key] = watching?.keys ?? [];
  return key === undefined ? null : owners.ownerOfText(key);
}

/** MULTI, EXEC, DISCARD, WATCH and UNWATCH. */
export function takeTransaction(session: ClientSession, info: CommandInfo, command: Command): void {
  switch (info.name) {
    case 'multi':
      if (session.transaction !== null) session.refuse('bad_command', ERRORS.nestedMulti);
      else {
        session.transaction = new Transaction(session.keptBytes);
        session.say(OK);
      }
      break;
    case 'exec':
      if (session.transaction === null || session.watching === null) exec(session, info);
      else {
        // What its client has sent before may be under way over another connection, and may change what is watched.
        session.expect(new Later(session, () => exec(session, info)));
        session.waitForAll();
      }
      break;
    case 'discard':
      if (session.transaction === null) session.refuse('bad_command', ERRORS.discardWithoutMulti);
      else {
        session.endTransaction();
        session.endWatching();
        session.say(OK);
      }
      break;
    case 'unwatch':
      session.endWatching();
      session.say(OK);
      break;
    default:
      if (session.transaction !== null) session.refuse('bad_command', ERRORS.watchInMulti);
      else watch(session, info, command);
  }
}

function watch(session: ClientSession, info: CommandInfo, command: Command): void {
  const owners = ownersFor(session);
  if (owners === null) return;
  const owner = ownerOfAll(owners, info, command);
  const watched = session.watching;
  if (owner === undefined || (watched !== null && watched.owner !== owner))
    session.refuse('cross_slot', ERRORS.crossSlot);
  else if (owner === null) session.refuse('no_owner', ERRORS.notServed);
  else {
    const [key = '', ...others] = textsAt(command);
    const traffic = session.entry.trafficOf(info);
    traffic.requests++;
    const request = new WatchRequest(session, traffic, owners, owner, { key, others }, command.raw());
    session.expect(request);
    // What its client sends behind it may depend on it, over another connection.
    session.waitForAll();
  }
}

function exec(session: ClientSession, info: CommandInfo): void {
  const { transaction, watching } = session;
  session.transaction = null;
  if (transaction === null) {
    session.refuse('bad_command', ERRORS.execWithoutMulti);
    return;
  }
  const keys = transaction.keysWith(watching?.keys ?? []);
  // Owners may be others than at WATCH.
  const isAborted =
    watching !== null &&
    !isKeyless(keys) &&
    [keys.key, ...keys.others].some((key) => session.entry.owners?.ownerOfText(key) !== watching.owner);
  // Whether a watched key has changed, the shard says.
  const isNothing = transaction.isEmpty && watching === null;
  if (transaction.isFaulty || isNothing || isAborted) {
    transaction.release();
    session.endWatching();
    if (transaction.isFaulty) session.refuse('bad_command', ERRORS.execAbort);
    else session.say(isNothing ? arrayReply([]) : nullArray(session.protocol));
    return;
  }
  const owners = ownersFor(session);
  const owner = transaction.owner ?? watching?.owner ?? owners?.first ?? null;
  if (owners === null || owner === null) {
    transaction.release();
    session.endWatching();
    if (owners !== null) session.refuse('no_owner', 'CLUSTERDOWN The cluster is down');
    return;
  }
  const traffic = session.entry.trafficOf(info);
  traffic.requests++;
  traffic.requestBytes += transaction.bytes;
  const request = new TransactionRequest(session, traffic, owners, owner, transaction, watching, keys);
  request.mayWrite = true;
  const { names } = session.user;
  session.answerNames = names === null ? null : new NamesInAnswer(names, transaction.answerRole);
  session.expect(request);
  session.answerNames = null;
  request.begin();
  if (!request.isSent && request.isOpen) session.waitForSending();
  // EXEC ends all watching.
  session.watching = null;
}
