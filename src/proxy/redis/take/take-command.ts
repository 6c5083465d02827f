import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import { metaRaft } from '../cluster/metaraft.ts';
import { movedText } from '../cluster/moved.ts';
import { maxWholeBytes } from '../command-limits.ts';
import { arityFits, type CommandInfo, findCommand, isBlocking } from '../commands/index.ts';
import { localAnswers } from '../local/index.ts';
import { countKeys } from '../observed/count-keys.ts';
import type { Transaction } from '../requests/transaction.ts';
import { deniedText } from '../users/permission.ts';
import { ERRORS, MAX_SHOWN, unknownCommand, unknownSubcommand, wrongArity } from '../words.ts';
import { argumentsFrom, argumentUtf8 } from './arguments.ts';
import { block, sendAnywhere, sendByKey, sendByKeys } from './sending.ts';
import { takeOverShards } from './take-over-shards.ts';
import { takeScan } from './take-scan.ts';
import { takeSubscription } from './take-subscription.ts';
import { isQueued, queueCommand, takeTransaction } from './take-transaction.ts';
import { takeWait } from './take-wait.ts';
import { withOwnNames } from './with-own-names.ts';

/** Commands that Redis takes of clients that have not said who they are. */
const BEFORE_AUTHENTICATION: ReadonlySet<string> = new Set(['hello', 'auth', 'quit', 'reset']);

/** Does what a client asks for: sends it to the owner of its keys, answers it here, or refuses it. */
export function takeCommand(session: ClientSession, command: Command): void {
  if (command.isInline && isOfHttp(command)) {
    session.quit();
    return;
  }
  const info = findCommand(command);
  const { subscriber } = session;
  if (subscriber !== null && info?.rule.way !== 'subscribe') subscriber.separate();
  session.lastCommand = info;
  const fault = info === null || session.isPlain ? null : faultInState(session, info, command);
  if (info === null)
    refuseInQueue(
      session,
      'unknown_command',
      unknownCommand(command.count, (i) => argumentUtf8(command, i, MAX_SHOWN)),
    );
  else if (!arityFits(info, command.count)) refuseInQueue(session, 'bad_command', wrongArity(info.name));
  else if (fault !== null) refuseInQueue(session, reasonOf(fault), fault);
  else if (session.user.names === null) carryOut(session, info, command);
  else
    withOwnNames(session, session.user.names, info, {
      // The reader has held to this what its client wrote. It is what is written that the connection of all clients has to take.
      maxBytes: maxWholeBytes(session.context.core),
      take: carryOut,
      onTooLong: () => refuseInQueue(session, 'refused_command', ERRORS.tooLarge),
    });
}

/** Does what a client may ask for. */
function carryOut(session: ClientSession, info: CommandInfo, command: Command): void {
  countKeys(session, info, command);
  if (isQueued(session, info)) queueCommand(session, session.transaction as Transaction, info, command);
  else if (info.keyAt > 0 && info.rule.way === 'keys') sendByKey(session, info, command, info.keyAt);
  else takeByRule(session, info, command);
}

/**
 * Whether a line is one of an HTTP request. A browser, or a server that was given a foreign address, may be made to send one whose
 * content is commands: so the connection is closed before they come, as Redis does (`securityWarningCommand`).
 */
function isOfHttp(command: Command): boolean {
  return command.is(0, 'post') || command.is(0, 'host:');
}

/** Why a client may not say that now; null where it may. */
function faultInState(session: ClientSession, info: CommandInfo, command: Command): string | null {
  const { name, rule } = info;
  if (!session.isAuthenticated && !BEFORE_AUTHENTICATION.has(name)) return ERRORS.noAuth;
  const denied = session.user.isRestricted ? deniedText(session.user, info, command) : null;
  if (denied !== null) return denied;
  const isOnlyListening = session.subscriber?.isListening === true && session.protocol === 2;
  const isForListeners = rule.way === 'subscribe' || name === 'ping' || name === 'quit' || name === 'reset';
  if (!isOnlyListening || isForListeners)
    return session.entry.mode === 'direct' ? movedText(session, info, command) : null;
  return `ERR Can't execute '${name.replace('|', ' ')}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
}

function reasonOf(fault: string): string {
  if (fault === ERRORS.noAuth) return 'unauthenticated';
  if (fault === ERRORS.crossSlot) return 'cross_slot';
  if (fault.startsWith('NOPERM ')) return 'not_permitted';
  return fault.startsWith('MOVED ') ? 'moved' : 'refused_command';
}

/** What is refused between MULTI and EXEC has EXEC refused. */
function refuseInQueue(session: ClientSession, reason: string, text: string): void {
  if (session.transaction !== null) session.transaction.isFaulty = true;
  session.refuse(reason, text);
}

function takeByRule(session: ClientSession, info: CommandInfo, command: Command): void {
  const { rule } = info;
  switch (rule.way) {
    case 'keys':
    case 'script':
      if (isBlocking(info, command)) block(session, info, command);
      else sendByKeys(session, info, command);
      break;
    case 'split':
    case 'everywhere':
      takeOverShards(session, info, rule, command);
      break;
    case 'scan':
      takeScan(session, info, command);
      break;
    case 'channel':
      sendByKey(session, info, command, 1);
      break;
    case 'any':
      sendAnywhere(session, info);
      break;
    case 'local':
      localAnswers(session, info, command);
      break;
    case 'transaction':
      takeTransaction(session, info, command);
      break;
    case 'subscribe':
      takeSubscription(session, info, command);
      break;
    case 'wait':
      takeWait(session, info, command);
      break;
    case 'blocking':
      block(session, info, command);
      break;
    case 'container':
      if (info.name === 'cluster' && command.is(1, 'metaraft')) metaRaft(session, argumentsFrom(command, 2));
      else
        session.refuse('bad_command', unknownSubcommand(info.name, command.count > 1 ? argumentUtf8(command, 1) : ''));
      break;
    case 'refused':
      session.refuse('refused_command', rule.error);
  }
}
