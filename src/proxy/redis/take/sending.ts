import type { Command } from '../../../resp/index.ts';
import type { TrafficCounters } from '../../core/counters.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { ClientSession } from '../client-session.ts';
import { type CommandInfo, findCommand } from '../commands/index.ts';
import { readingOf } from '../reads/replica-reading.ts';
import type { RedisOwners } from '../redis-owners.ts';
import { BlockingRequest } from '../requests/blocking-request.ts';
import { RedisRequest } from '../requests/redis-request.ts';
import { NO_KEYS, notesKeys, OF_ITS_SHARD, type RequestKeys } from '../requests/routed-command.ts';
import { ScriptRequest } from '../requests/script-request.ts';
import { SplitRequest } from '../requests/split-request.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { ERRORS } from '../words.ts';
import { argumentText } from './arguments.ts';
import { keyPlaces, ownerOfAll, ownersFor, textsAt } from './placing.ts';

/** Sends a command that has one key to the owner of it: most commands take this way. */
export function sendByKey(session: ClientSession, info: CommandInfo, command: Command, at: number): void {
  const owners = ownersFor(session);
  if (owners === null) return;
  const { bytes, starts, ends } = command;
  const owner = owners.ownerOfBytes(bytes, starts[at] as number, ends[at] as number);
  if (owner === null) refuseUnowned(session);
  else
    send(
      session,
      info,
      owners,
      owner,
      notesKeys(session.context, owners) ? { key: argumentText(command, at), others: [] } : NO_KEYS,
    );
}

function refuseUnowned(session: ClientSession): void {
  session.refuse('no_owner', ERRORS.notServed);
}

/** Sends a command to the one shard that owns all its keys; to any, which says what is wrong with it, where it has none. */
export function sendByKeys(session: ClientSession, info: CommandInfo, command: Command): void {
  const owners = ownersFor(session);
  if (owners === null) return;
  const owner = ownerOfAll(owners, info, command);
  if (keyPlaces.count === 0) sendAnywhere(session, info);
  else if (owner === undefined) session.refuse('cross_slot', ERRORS.crossSlot);
  else if (owner === null) refuseUnowned(session);
  else
    send(
      session,
      info,
      owners,
      owner,
      notesKeys(session.context, owners) || isScript(info) ? keysAt(command) : NO_KEYS,
    );
}

function isScript({ rule }: CommandInfo): boolean {
  return rule.way === 'script';
}

export function keysAt(command: Command): RequestKeys {
  const [key = '', ...others] = textsAt(command);
  return { key, others };
}

/** Sends a command that any shard can answer. */
export function sendAnywhere(session: ClientSession, info: CommandInfo): void {
  const owners = ownersFor(session);
  if (owners === null) return;
  const owner = owners.first;
  if (owner === null) refuseUnowned(session);
  else send(session, info, owners, owner, NO_KEYS);
}

/** Sends the command that is being taken to a shard that is known. */
export function sendToOwner(
  session: ClientSession,
  command: Command,
  owners: RedisOwners,
  owner: Upstream<RedisPool>,
): void {
  const info = findCommand(command);
  if (info !== null) send(session, info, owners, owner, OF_ITS_SHARD);
}

function send(
  session: ClientSession,
  info: CommandInfo,
  owners: RedisOwners,
  owner: Upstream<RedisPool>,
  keys: RequestKeys,
): void {
  const { command } = session;
  const traffic = session.entry.trafficOf(info);
  traffic.requests++;
  traffic.requestBytes += command.end - command.start;
  owner.counters.requestBytes += command.end - command.start;
  const request = requestFor(session, info, traffic, owners, owner, keys);
  request.mayWrite = info.mayWrite;
  if (info.isRead) request.reading = readingOf(session.readsFrom, info);
  session.expect(request);
  request.begin();
  if (!request.isSent && request.isOpen) session.waitForSending();
}

function requestFor(
  session: ClientSession,
  info: CommandInfo,
  traffic: TrafficCounters,
  owners: RedisOwners,
  owner: Upstream<RedisPool>,
  keys: RequestKeys,
): RedisRequest {
  const { rule } = info;
  switch (rule.way) {
    case 'script':
      return new ScriptRequest(session, traffic, owners, owner, keys, null);
    case 'split':
      return new SplitRequest(session, traffic, owners, owner, keys, null, { info, rule });
    default:
      return new RedisRequest(session, traffic, owners, owner, keys, null);
  }
}

/** Sends a command that waits at its shard, over a connection of its own: also where no keys are found, because the shard may find some. */
export function block(session: ClientSession, info: CommandInfo, command: Command): void {
  const owners = ownersFor(session);
  if (owners === null) return;
  const ofKeys = ownerOfAll(owners, info, command);
  const hasKeys = keyPlaces.count > 0;
  const owner = hasKeys ? ofKeys : owners.first;
  if (owner === undefined) session.refuse('cross_slot', ERRORS.crossSlot);
  else if (owner === null) refuseUnowned(session);
  else {
    const keys = hasKeys ? keysAt(command) : NO_KEYS;
    const traffic = session.entry.trafficOf(info);
    traffic.requests++;
    const request = new BlockingRequest(session, traffic, owners, owner, keys, command.raw());
    request.mayWrite = info.mayWrite;
    session.expect(request);
    session.waitForAll();
  }
}
