import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import type { CommandInfo } from '../commands/index.ts';
import { WaitAnswer } from '../requests/wait-answer.ts';
import { ERRORS } from '../words.ts';
import { argumentUtf8 } from './arguments.ts';

/** What Redis reads as an integer of 64 bits; clients send no more. */
const INTEGER = /^-?\d{1,15}$/;

/** WAIT numreplicas timeout. */
export function takeWait(session: ClientSession, info: CommandInfo, command: Command): void {
  const [replicas, timeoutMs] = [1, 2].map((i) => argumentUtf8(command, i));
  if (!INTEGER.test(replicas as string)) session.refuse('bad_command', ERRORS.notInteger);
  else if (!INTEGER.test(timeoutMs as string)) session.refuse('bad_command', ERRORS.timeoutNotInteger);
  else if (Number(timeoutMs) < 0) session.refuse('bad_command', ERRORS.negativeTimeout);
  else {
    session.entry.trafficOf(info).requests++;
    session.expect(new WaitAnswer(session, Number(replicas), Number(timeoutMs)));
    session.waitForAll();
  }
}
