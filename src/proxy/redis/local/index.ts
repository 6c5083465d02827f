import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import type { CommandInfo } from '../commands/index.ts';
import { argumentsFrom } from '../take/arguments.ts';
import { clientAnswers } from './client.ts';
import { auth, echo, hello, ping, quit, reset, select } from './connection.ts';
import { configGet, info, noCluster, role, whoAmI } from './server.ts';

/** Answers a command by what the session knows. @param args what stands behind the command's name */
export type LocalAnswer = (session: ClientSession, args: readonly string[], command: Command) => void;

/** By the names of commands, as the table has them. */
const ANSWERS: Readonly<Record<string, LocalAnswer>> = {
  auth,
  hello,
  ping,
  echo,
  select,
  quit,
  reset,
  info,
  'config|get': configGet,
  role,
  'acl|whoami': whoAmI,
  readonly: noCluster,
  readwrite: noCluster,
  asking: noCluster,
  ...clientAnswers,
};

/** Answers what the router answers by itself. */
export function localAnswers(session: ClientSession, commandInfo: CommandInfo, command: Command): void {
  const { name } = commandInfo;
  const answer = ANSWERS[name] ?? (name.startsWith('cluster|') ? noCluster : undefined);
  if (answer === undefined) {
    session.refuse('refused_command', `ERR ${name.replace('|', ' ').toUpperCase()} is not supported through Keyway`);
    return;
  }
  const traffic = session.entry.trafficOf(commandInfo);
  traffic.requests++;
  answer(session, argumentsFrom(command, name.includes('|') ? 2 : 1), command);
}
