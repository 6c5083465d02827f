import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';

/** Answers a command by what the session knows. @param args what stands behind the command's name */
export type LocalAnswer = (session: ClientSession, args: readonly string[], command: Command) => void;
