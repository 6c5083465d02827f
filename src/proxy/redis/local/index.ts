import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import { ADMINISTERS, clusterAnswers } from '../cluster/answers.ts';
import type { CommandInfo } from '../commands/index.ts';
import { argumentsFrom } from '../take/arguments.ts';
import { clientAnswers } from './client.ts';
import { auth, echo, hello, ping, quit, reset, select } from './connection.ts';
import type { LocalAnswer } from './local-answer.ts';
import { configGet, info, noCluster, role, whoAmI } from './server.ts';

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
  ...clientAnswers,
};

/** What is for a cluster's nodes: clients of the hidden mode see one server, and take it for one without a cluster. */
function clusterAnswer({ entry }: ClientSession, name: string): LocalAnswer | undefined {
  const isOfCluster = name.startsWith('cluster|');
  if (!isOfCluster && clusterAnswers[name] === undefined) return undefined;
  return entry.mode === 'hidden' ? noCluster : (clusterAnswers[name] ?? ADMINISTERS);
}

/** Answers what the router answers by itself. */
export function localAnswers(session: ClientSession, commandInfo: CommandInfo, command: Command): void {
  const { name } = commandInfo;
  const answer = ANSWERS[name] ?? clusterAnswer(session, name);
  if (answer === undefined) {
    session.refuse('refused_command', `ERR ${name.replace('|', ' ').toUpperCase()} is not supported through Keyway`);
    return;
  }
  const traffic = session.entry.trafficOf(commandInfo);
  traffic.requests++;
  answer(session, argumentsFrom(command, name.includes('|') ? 2 : 1), command);
}
