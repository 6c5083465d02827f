import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import type { CommandInfo } from '../commands/index.ts';
import { answerRole } from '../names/answer-role.ts';
import { NamesInAnswer } from '../names/names-in-answer.ts';
import type { OwnNames } from '../names/own-names.ts';

/** How a command is taken that has its user's names. */
export interface Taking<Result> {
  /** How long it may become by their prefix. */
  readonly maxBytes: number;
  readonly take: (session: ClientSession, info: CommandInfo, command: Command) => Result;
  /** It would become longer. */
  readonly onTooLong: () => Result;
}

/** Takes a command of a user whose names have a prefix at the servers: with the prefix, which is taken off its answer again. */
export function withOwnNames<Result>(
  session: ClientSession,
  names: OwnNames,
  info: CommandInfo,
  { maxBytes, take, onTooLong }: Taking<Result>,
): Result {
  const command = names.command(info, session.command, maxBytes);
  if (command === null) return onTooLong();
  session.command = command;
  // Names of channels are in no answers: what a subscriber hears is renamed as it comes.
  session.answerNames = info.rule.way === 'subscribe' ? null : new NamesInAnswer(names, answerRole(info));
  try {
    return take(session, info, command);
  } finally {
    session.answerNames = null;
  }
}
