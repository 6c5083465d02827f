import {
  arrayReply,
  bulkReply,
  errorReply,
  integerReply,
  mapReply,
  nullReply,
  OK,
  verbatimReply,
} from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import type { ListedClient } from '../listed-client.ts';
import { cut, ERRORS } from '../words.ts';
import { FilterFault, killFilter, listFilter } from './client-filter.ts';
import { lineOf, peerOf } from './client-line.ts';
import { setName } from './connection.ts';
import { visitFellows } from './fellows-answer.ts';
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

const list: LocalAnswer = (session, words) => {
  const { nowMs } = session.context.core.turn;
  const isMeant = listFilter(words);
  if (isMeant instanceof FilterFault) session.refuse('bad_command', isMeant.text);
  else {
    const lines: string[] = [];
    visitFellows(session, {
      visit: (client) => {
        if (!isMeant(client)) return 0;
        const line = lineOf(client, nowMs);
        lines.push(line);
        return line.length;
      },
      finish: () => verbatimReply(lines.join(''), session.protocol),
    });
  }
};

/** CLIENT KILL addr:port, as it was first, or with filters. */
const kill: LocalAnswer = (session, words) => {
  const { nowMs } = session.context.core.turn;
  const [address = ''] = words;
  const isOld = words.length === 1;
  const isMeant = isOld
    ? (client: ListedClient) => peerOf(client) === address
    : killFilter(words, session, nowMs, (name) => mayKnow(session, name));
  if (isMeant instanceof FilterFault) {
    session.refuse('bad_command', isMeant.text);
    return;
  }
  let found = 0;
  let endsItself = false;
  visitFellows(session, {
    visit: (client) => {
      if (!isMeant(client)) return 0;
      found++;
      // Who ends itself hears that first.
      if (client === session) endsItself = true;
      else client.destroy();
      return 0;
    },
    finish: () => (isOld ? (found > 0 ? OK : errorReply('ERR No such client')) : integerReply(found)),
    after: () => {
      if (endsItself) session.quit();
    },
  });
};

/** Whether a client may hear that there is a user: one that sees no clients of others is told of no other user either. */
function mayKnow({ user, entry }: ClientSession, name: string): boolean {
  return user.isRestricted ? name === user.name : entry.hasUser(name);
}

/** CLIENT TRACKINGINFO of a client whose keys are not tracked. */
const trackingInfo: LocalAnswer = (session) => {
  const fields = [
    ['flags', arrayReply([bulkReply('off')])],
    ['redirect', integerReply(-1)],
    ['prefixes', arrayReply([])],
  ] as const;
  session.say(
    mapReply(
      fields.flatMap(([name, value]) => [bulkReply(name), value]),
      session.protocol,
    ),
  );
};

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
  'client|info': (session) =>
    session.say(verbatimReply(lineOf(session, session.context.core.turn.nowMs), session.protocol)),
  'client|list': list,
  'client|kill': kill,
  'client|trackinginfo': trackingInfo,
  // What a client says that it can do is of no use here: it is redirected by nobody.
  'client|capa': (session) => session.say(OK),
  // Nothing is tracked: there is nothing to be told of, and nobody to tell it to.
  'client|getredir': (session) => session.say(integerReply(-1)),
};
