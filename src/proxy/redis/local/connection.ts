import {
  arrayReply,
  bulkReply,
  errorReply,
  integerReply,
  mapReply,
  OK,
  PONG,
  simpleReply,
} from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import { Later } from '../requests/later.ts';
import { UNRESTRICTED } from '../users/redis-user.ts';
import { cut, DEFAULT_USER, ERRORS } from '../words.ts';
import type { LocalAnswer } from './local-answer.ts';
import { modeOf, SERVER_VERSION } from './server.ts';

/** What Redis allows in names: no white space, nothing that does not print. */
const NAME = /^[\x21-\x7e]*$/;

export const ping: LocalAnswer = (session, [message]) => {
  // A client of RESP2 that listens takes arrays alone.
  if (session.protocol === 2 && session.subscriber?.isListening === true)
    session.say(arrayReply([bulkReply('pong'), bulkReply(message ?? '')]));
  else session.say(message === undefined ? PONG : bulkReply(message));
};

export const echo: LocalAnswer = (session, _args, { bytes, starts, ends }) =>
  session.say(bulkReply(bytes.subarray(starts[1], ends[1])));

export const quit: LocalAnswer = (session) => {
  session.say(OK);
  session.quit();
};

/** There is one database: those of a cluster's nodes, too. */
export const select: LocalAnswer = (session, [index = '']) => {
  if (!/^-?\d+$/.test(index)) session.refuse('bad_command', 'ERR invalid DB index');
  else if (Number(index) !== 0) session.refuse('bad_command', ERRORS.dbOutOfRange);
  else session.say(OK);
};

/** All of a connection's state is as at its beginning. */
export const reset: LocalAnswer = (session) => {
  const resetNow = (): void => {
    session.reset();
    session.say(simpleReply('RESET'));
  };
  if (session.subscriber === null) resetNow();
  else {
    // What is on its way to its shards would come up after it.
    session.expect(new Later(session, resetNow));
    session.waitForAll();
  }
};

/** Whether a name and a password are right; the client was told where they are not. */
function authenticates(session: ClientSession, username: string, password: string): boolean {
  // Without a password the default user is let in with any, in HELLO as in AUTH with a name (ACL: `nopass`).
  const { entry } = session;
  const anybody = username === DEFAULT_USER ? UNRESTRICTED : null;
  const user = entry.asksPassword ? entry.userOf(username, password) : anybody;
  if (user === null) {
    session.refuse('unauthenticated', ERRORS.wrongPass);
    return false;
  }
  if (session.subscriber !== null && user.names?.prefix !== session.user.names?.prefix) {
    session.refuse('refused_command', ERRORS.othersNames);
    return false;
  }
  session.user = user;
  session.setAuthenticated(true);
  return true;
}

export const auth: LocalAnswer = (session, args) => {
  const [first = '', password] = args;
  if (args.length > 2) session.refuse('bad_command', ERRORS.syntax);
  else if (password === undefined && !session.entry.asksPassword) session.refuse('bad_command', ERRORS.noPassword);
  else if (authenticates(session, password === undefined ? DEFAULT_USER : first, password ?? first)) session.say(OK);
};

/** What HELLO was given behind the version; null where it is not in order. */
function helloOptions(
  options: readonly string[],
): { readonly auth: readonly [string, string] | null; readonly name: string | null } | null {
  let credentials: readonly [string, string] | null = null;
  let name: string | null = null;
  for (let i = 0; i < options.length; ) {
    const option = (options[i] as string).toUpperCase();
    const [one, other] = [options[i + 1], options[i + 2]];
    if (option === 'AUTH' && one !== undefined && other !== undefined) {
      credentials = [one, other];
      i += 3;
    } else if (option === 'SETNAME' && one !== undefined) {
      name = one;
      i += 2;
    } else return null;
  }
  return { auth: credentials, name };
}

/** HELLO [version [AUTH name password] [SETNAME name]], as Redis has it since 6. */
export const hello: LocalAnswer = (session, [version, ...rest]) => {
  if (version !== undefined && !/^\d+$/.test(version)) {
    session.refuse('bad_command', ERRORS.protoNotInteger);
    return;
  }
  const protocol = version === undefined ? session.protocol : Number(version);
  if (protocol !== 2 && protocol !== 3) {
    session.refuse('bad_command', ERRORS.noProto);
    return;
  }
  const options = helloOptions(rest);
  if (options === null) {
    session.refuse('bad_command', `ERR Syntax error in HELLO option '${cut(rest[0] ?? '')}'`);
    return;
  }
  if (options.auth !== null && !authenticates(session, ...options.auth)) return;
  if (!session.isAuthenticated) {
    session.refuse('unauthenticated', `${HELLO_NOAUTH}`);
    return;
  }
  if (options.name !== null && !setName(session, options.name)) return;
  session.protocol = protocol;
  session.say(greeting(session));
};

const HELLO_NOAUTH =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time';

function greeting(session: ClientSession): Buffer {
  const { id, protocol } = session;
  const pairs = [
    ['server', bulkReply('redis')],
    ['version', bulkReply(SERVER_VERSION)],
    ['proto', integerReply(protocol)],
    ['id', integerReply(id)],
    ['mode', bulkReply(modeOf(session))],
    ['role', bulkReply('master')],
    ['modules', arrayReply([])],
  ] as const;
  return mapReply(
    pairs.flatMap(([name, value]) => [bulkReply(name), value]),
    protocol,
  );
}

/** @returns false where the name cannot be one: the client was told */
export function setName(session: ClientSession, name: string): boolean {
  const isName = NAME.test(name);
  if (isName) session.name = name;
  else session.say(errorReply(ERRORS.badName));
  return isName;
}
