import { bulkReply, integerReply, nullReply, OK } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import { cut, ERRORS } from '../words.ts';
import { setName } from './connection.ts';
import type { LocalAnswer } from './local-answer.ts';

/** CLIENT REPLY ON|OFF|SKIP: ON alone is answered. */
const reply: LocalAnswer = (session, [mode = '']) => {
  switch (mode.toUpperCase()) {
    case 'ON':
      session.setWanted('on');
      session.say(OK);
      break;
    case 'OFF':
      session.setWanted('off');
      break;
    case 'SKIP':
      session.setWanted('skip-next');
      break;
    default:
      session.refuse('bad_command', ERRORS.syntax);
  }
};

const setInfo: LocalAnswer = (session, [attribute = '']) => {
  if (/^lib-(name|ver)$/i.test(attribute)) session.say(OK);
  else session.refuse('bad_command', `ERR Unrecognized option '${cut(attribute)}'`);
};

const onOff =
  (attribute: string): LocalAnswer =>
  (session, [is = '']) => {
    if (/^(on|off)$/i.test(is)) session.say(OK);
    else session.refuse('bad_command', `${ERRORS.syntax}: CLIENT ${attribute} takes ON or OFF`);
  };

/** A line as CLIENT LIST has them, as far as the router knows of it. */
function described(session: ClientSession): string {
  const { id, address, name, protocol, idleMs, beganMs, context } = session;
  const age = Math.floor((context.core.turn.nowMs - beganMs) / 1000);
  return `id=${id} addr=${address} name=${name} age=${age} idle=${Math.floor(idleMs / 1000)} flags=N db=0 resp=${protocol}\n`;
}

/** CLIENT and its subcommands: what is said of a connection stays with it, and no shard hears it. */
export const clientAnswers: Readonly<Record<string, LocalAnswer>> = {
  'client|id': (session) => session.say(integerReply(session.id)),
  'client|getname': (session) =>
    session.say(session.name === '' ? nullReply(session.protocol) : bulkReply(session.name)),
  'client|setname': (session, [name = '']) => {
    if (setName(session, name)) session.say(OK);
  },
  'client|setinfo': setInfo,
  'client|no-evict': onOff('NO-EVICT'),
  'client|no-touch': onOff('NO-TOUCH'),
  'client|reply': reply,
  'client|info': (session) => session.say(bulkReply(described(session))),
  'client|list': (session) => session.say(bulkReply(described(session))),
  // Nothing is tracked: there is nothing to be told of, and nobody to tell it to.
  'client|getredir': (session) => session.say(integerReply(-1)),
};
