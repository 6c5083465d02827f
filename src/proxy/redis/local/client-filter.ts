import type { ListedClient } from '../listed-client.ts';
import { cut, ERRORS } from '../words.ts';
import { localOf, peerOf, typeOf } from './client-line.ts';

/** Which clients are meant, of those at the same address. */
type IsMeant = (client: ListedClient) => boolean;

/** What is wrong with the words that say so: the whole error. */
export class FilterFault {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const TYPES: readonly string[] = ['normal', 'pubsub', 'master', 'replica', 'slave'];

function ofType(word: string): IsMeant | FilterFault {
  const type = word.toLowerCase();
  return TYPES.includes(type)
    ? (client) => typeOf(client) === type
    : new FilterFault(`ERR Unknown client type '${cut(word)}'`);
}

/** What clients are ended by, with the word behind each. */
const FILTERS: Readonly<Record<string, (word: string, nowMs: number) => IsMeant | FilterFault>> = {
  ID: (word) =>
    /^\d+$/.test(word) && Number(word) > 0
      ? ({ id }) => id === Number(word)
      : new FilterFault('ERR client-id should be greater than 0'),
  TYPE: ofType,
  ADDR: (word) => (client) => peerOf(client) === word,
  LADDR: (word) => (client) => localOf(client) === word,
  USER: (word) => (client) => client.user.name === word,
  MAXAGE: (word, nowMs) =>
    /^\d+$/.test(word)
      ? ({ beganMs }) => nowMs - beganMs >= 1000 * Number(word)
      : new FilterFault('ERR maxage is not an integer or out of range'),
};

/**
 * CLIENT KILL with filters, all of which have to hold. SKIPME, which spares the client that asks, is on.
 * @param hasUser whether there is a user of a name, as far as the client may know
 */
export function killFilter(
  words: readonly string[],
  self: ListedClient,
  nowMs: number,
  hasUser: (name: string) => boolean,
): IsMeant | FilterFault {
  const all: IsMeant[] = [];
  let skipsMe = true;
  for (let i = 0; i < words.length; i += 2) {
    const [name = '', word] = [words[i]?.toUpperCase(), words[i + 1]];
    if (word === undefined) return new FilterFault(ERRORS.syntax);
    if (name === 'SKIPME') {
      if (!/^(yes|no)$/i.test(word)) return new FilterFault(ERRORS.syntax);
      skipsMe = word.toLowerCase() === 'yes';
      continue;
    }
    if (name === 'USER' && !hasUser(word)) return new FilterFault(`ERR No such user '${cut(word)}'`);
    const made = FILTERS[name]?.(word, nowMs) ?? new FilterFault(ERRORS.syntax);
    if (made instanceof FilterFault) return made;
    all.push(made);
  }
  return (client) => (!skipsMe || client !== self) && all.every((isMeant) => isMeant(client));
}

/** CLIENT LIST [TYPE type] [ID id …]: one of the two, or neither. */
export function listFilter(words: readonly string[]): IsMeant | FilterFault {
  const [name = '', ...others] = words;
  const [type = ''] = others;
  if (words.length === 0) return () => true;
  if (name.toUpperCase() === 'TYPE' && others.length === 1) return ofType(type);
  if (name.toUpperCase() !== 'ID' || others.length === 0) return new FilterFault(ERRORS.syntax);
  if (!others.every((id) => /^\d+$/.test(id))) return new FilterFault('ERR Invalid client ID');
  const ids = new Set(others.map(Number));
  return ({ id }) => ids.has(id);
}
