import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import { movedText } from '../cluster/moved.ts';
import { maxWholeBytes } from '../command-limits.ts';
import { type CommandInfo, findCommand, keysAreHere } from '../commands/index.ts';
import { countKeys } from '../observed/count-keys.ts';
import { StreamedRequest } from '../requests/streamed-request.ts';
import { deniedText } from '../users/permission.ts';
import { keyPlaces, ownerOfAll } from './placing.ts';
import { keysAt } from './sending.ts';
import { withOwnNames } from './with-own-names.ts';

/** Whoever takes the content of a large command. */
export type LargeContent = Pick<StreamedRequest, 'onContent' | 'breakOff'>;

/** The command is answered already, and its content is for nobody. */
const DISCARDED: LargeContent = { onContent() {}, breakOff() {} };

/** In direct mode its client is told where the keys are, before all of it has come: it may be larger than what is kept. */
function isSentElsewhere(session: ClientSession, info: CommandInfo, command: Command): boolean {
  const isAsked = session.entry.mode === 'direct' && session.isAuthenticated && session.subscriber === null;
  const text = isAsked && keysAreHere(info, command) ? movedText(session, info, command) : null;
  if (text !== null) session.refuse('moved', text);
  return text !== null;
}

/** Whether a user whose commands are looked at may do that: its keys have come, or it has to be whole first. */
function mayPassOn(session: ClientSession, info: CommandInfo, command: Command): boolean {
  return session.isServed && keysAreHere(info, command) && deniedText(session.user, info, command) === null;
}

/**
 * Begins to pass a large command on, of which the beginning has come; null where it has to be whole first: where its keys have not all
 * come, or more than one shard, or the router itself, has to read it.
 */
export function takeLargeCommand(session: ClientSession, command: Command): LargeContent | null {
  if (command.count === 0 || session.transaction !== null) return null;
  const info = findCommand(command);
  if (!session.isPlain) {
    if (info !== null && isSentElsewhere(session, info, command)) return DISCARDED;
    if (info === null || !mayPassOn(session, info, command)) return null;
  }
  if (info === null) return null;
  const { way } = info.rule;
  if ((way !== 'keys' && way !== 'script') || !keysAreHere(info, command)) return null;
  const { names } = session.user;
  if (names === null) return stream(session, info, command);
  return withOwnNames(session, names, info, {
    // However much of its content is here already.
    maxBytes: command.end - command.start + maxWholeBytes(session.context.core),
    take: stream,
    // Once it is whole it is refused.
    onTooLong: () => null,
  });
}

function stream(session: ClientSession, info: CommandInfo, command: Command): LargeContent | null {
  const { owners } = session.entry;
  if (owners === null) return null;
  const owner = ownerOfAll(owners, info, command);
  if (owner === undefined || owner === null || keyPlaces.count === 0) return null;
  countKeys(session, info, command);
  const traffic = session.entry.trafficOf(info);
  traffic.requests++;
  const request = new StreamedRequest(session, traffic, owners, owner, keysAt(command), command.raw());
  request.mayWrite = info.mayWrite;
  session.expect(request);
  if (!request.isSent && request.isOpen) session.waitForSending();
  return request;
}
