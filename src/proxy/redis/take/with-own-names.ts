import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import type { CommandInfo } from '../commands/index.ts';
import { answerRole } from '../names/answer-role.ts';
import { NamesInAnswer } from '../names/names-in-answer.ts';

/**
 * Takes a command of a user whose names have a prefix at the servers: with the prefix, which is taken off its answer again.
 * @param take what is done with it
 */
export function withOwnNames<Result>(
  session: ClientSession,
  info: CommandInfo,
  command: Command,
  take: (session: ClientSession, info: CommandInfo, command: Command) => Result,
): Result {
  const { names } = session.user;
  if (names === null) return take(session, info, command);
  session.command = names.command(info, command);
  // Names of channels are in no answers: what a subscriber hears is renamed as it comes.
  session.answerNames = info.rule.way === 'subscribe' ? null : new NamesInAnswer(names, answerRole(info));
  try {
    return take(session, info, session.command);
  } finally {
    session.answerNames = null;
  }
}
