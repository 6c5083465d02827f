import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import type { CommandInfo } from '../commands/index.ts';
import { GatheredAnswer, uncounted } from '../requests/gathered-answer.ts';
import { WaitRequest } from '../requests/wait-request.ts';
import { mergeEverywhere } from '../split/index.ts';
import { ERRORS } from '../words.ts';
import { argumentUtf8 } from './arguments.ts';
import { ownersFor } from './placing.ts';

/** What Redis reads as an integer of 64 bits; clients send no more. */
const INTEGER = /^-?\d{1,15}$/;

/** WAIT numreplicas timeout. */
export function takeWait(session: ClientSession, info: CommandInfo, command: Command): void {
  const [replicas, timeoutMs] = [1, 2].map((i) => argumentUtf8(command, i));
  if (!INTEGER.test(replicas as string)) session.refuse('bad_command', ERRORS.notInteger);
  else if (!INTEGER.test(timeoutMs as string)) session.refuse('bad_command', ERRORS.timeoutNotInteger);
  else if (Number(timeoutMs) < 0) session.refuse('bad_command', ERRORS.negativeTimeout);
  else wait(session, info, Number(replicas), Number(timeoutMs));
}

function wait(session: ClientSession, info: CommandInfo, replicas: number, timeoutMs: number): void {
  const owners = ownersFor(session);
  if (owners === null) return;
  const answer = new GatheredAnswer(session, (replies) => mergeEverywhere('least', replies));
  const written = [...owners.reached].filter((owner) => session.written.has(owner));
  // Who has written nothing waits for nothing, and is told how many replicas there are.
  const first = owners.first;
  for (const owner of written.length > 0 || first === null ? written : [first])
    answer.add(new WaitRequest(answer, uncounted, owners, owner, replicas, timeoutMs));
  if (answer.size === 0) {
    session.refuse('no_owner', 'CLUSTERDOWN The cluster is down');
    return;
  }
  session.entry.trafficOf(info).requests++;
  session.expect(answer);
  session.waitForAll();
}
