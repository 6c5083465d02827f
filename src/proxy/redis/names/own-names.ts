import { Buffer } from 'node:buffer';
import { type Command, commandOf } from '../../../resp/index.ts';
import { type CommandInfo, KeyPlaces, keysOf, patternsOf } from '../commands/index.ts';
import { argumentText } from '../take/arguments.ts';
import { insertInto } from './insert-into.ts';

/** What servers publish of what happens to a key, in the channel of that key: the key stands behind this. */
const OF_A_KEY = /^__keyspace@(?:0|\*)__:/;
/** What they publish of keys at all. */
const OF_KEYS = /^__key(?:space|event|\*)/;

/** Servers publish nothing of keys in sharded channels. */
const OF_SHARD_CHANNELS = /^s(?:un)?subscribe$/;

/**
 * The names of a user who sees no others: its keys and channels have a prefix at the servers, which the user neither writes nor reads. All texts
 * are latin1, a character for a byte, as keys are compared.
 */
export class OwnNames {
  readonly prefix: string;
  /** The prefix as a part of a pattern. */
  readonly patternPrefix: string;
  /** The prefix as servers have it. */
  readonly prefixBytes: Buffer;
  readonly #patternBytes: Buffer;
  readonly #places = new KeyPlaces();

  /** @param prefix as people write it */
  constructor(prefix: string) {
    this.prefixBytes = Buffer.from(prefix, 'utf8');
    this.prefix = this.prefixBytes.toString('latin1');
    this.patternPrefix = this.prefix.replaceAll(/[*?[\]\\]/g, '\\$&');
    this.#patternBytes = Buffer.from(this.patternPrefix, 'latin1');
  }

  // ---- to the servers ------------------------------------------------------------------------------------------------

  /**
   * A command as the servers get it. It, and the keys of it, are in order, and it is one that is about its user's names alone.
   * @param maxBytes how long it may become
   * @returns what is valid until the next call; null where it would be longer
   */
  command(info: CommandInfo, command: Command, maxBytes: number): Command | null {
    switch (info.rule.way) {
      case 'keys':
      case 'split':
      case 'blocking':
      case 'script':
      case 'transaction':
        return this.#withPrefix(command, this.#keysIn(info, command), maxBytes);
      case 'channel':
        return this.#inChannels(command, Int32Array.of(1), this.prefixBytes, maxBytes, info.name === 'publish');
      case 'subscribe': {
        const text = info.name.startsWith('p') ? this.#patternBytes : this.prefixBytes;
        const hasKeyspace = !OF_SHARD_CHANNELS.test(info.name);
        return this.#inChannels(command, argumentsFrom(command, 1), text, maxBytes, hasKeyspace);
      }
      case 'scan':
        return this.#inOption(command, 'match', maxBytes);
      case 'everywhere':
        return this.#inQuestion(info, command, maxBytes);
      default:
        return command;
    }
  }

  #keysIn(info: CommandInfo, command: Command): Int32Array {
    const places = this.#places;
    if (!keysOf(info, command, places)) return new Int32Array(0);
    if (info.hasPatterns) for (const at of patternsOf(command)) places.add(at);
    const all = places.at.slice(0, places.count).sort();
    return all.filter((at, i) => i === 0 || at !== all[i - 1]);
  }

  #withPrefix(command: Command, places: Int32Array, maxBytes: number): Command | null {
    return places.length === 0 ? command : insertInto(command, places, this.prefixBytes, maxBytes);
  }

  /** @param hasKeyspace servers publish there what happens to keys */
  #inChannels(
    command: Command,
    places: Int32Array,
    text: Buffer,
    maxBytes: number,
    hasKeyspace: boolean,
  ): Command | null {
    const offsetIn = (at: number): number => OF_A_KEY.exec(argumentText(command, at))?.[0].length ?? 0;
    if (places.length === 0) return command;
    return insertInto(command, places, text, maxBytes, hasKeyspace ? offsetIn : undefined);
  }

  /** KEYS, and what PUBSUB tells of channels. */
  #inQuestion({ name }: CommandInfo, command: Command, maxBytes: number): Command | null {
    if (name === 'keys') return insertInto(command, Int32Array.of(1), this.#patternBytes, maxBytes);
    if (name.endsWith('numsub')) return this.#withPrefix(command, argumentsFrom(command, 2), maxBytes);
    return command.count > 2
      ? insertInto(command, Int32Array.of(2), this.#patternBytes, maxBytes)
      : withWords(command, [this.#allOwn], maxBytes);
  }

  /** SCAN: the last MATCH counts at servers. */
  #inOption(command: Command, option: string, maxBytes: number): Command | null {
    const places: number[] = [];
    for (let at = 2; at + 1 < command.count; at += 2) if (command.is(at, option)) places.push(at + 1);
    return places.length > 0
      ? insertInto(command, Int32Array.from(places), this.#patternBytes, maxBytes)
      : withWords(command, [option, this.#allOwn], maxBytes);
  }

  get #allOwn(): Buffer {
    return Buffer.from(`${this.patternPrefix}*`, 'latin1');
  }

  /** Whether a channel is about all keys of a server, whosoever they are: as the user calls it, or by what it would be with the prefix before it. */
  isAboutAllKeys(channel: string): boolean {
    if (OF_A_KEY.test(channel)) return false;
    return OF_KEYS.test(channel) || OF_KEYS.test(this.prefix + channel);
  }

  // ---- to the client -------------------------------------------------------------------------------------------------

  /** A key as its user calls it; null where it is none of the user's. @param name as a server has it */
  ownKey(name: string): string | null {
    return name.startsWith(this.prefix) ? name.slice(this.prefix.length) : null;
  }

  /** The same of a channel. */
  ownChannel(name: string): string | null {
    return channelWithout(name, this.prefix);
  }

  /** The same of a pattern of channels. */
  ownPattern(pattern: string): string | null {
    return channelWithout(pattern, this.patternPrefix);
  }

  /** A server's error as the user reads it: what is quoted in it is a name, mostly. */
  ownText(error: string): string {
    return error.replaceAll(`'${this.prefix}`, "'");
  }
}

function channelWithout(name: string, prefix: string): string | null {
  if (name.startsWith(prefix)) return name.slice(prefix.length);
  const [before = ''] = OF_A_KEY.exec(name) ?? [];
  const isOfAKey = before !== '' && name.startsWith(prefix, before.length);
  return isOfAKey ? before + name.slice(before.length + prefix.length) : null;
}

function argumentsFrom({ count }: Command, first: number): Int32Array {
  return Int32Array.from({ length: Math.max(0, count - first) }, (_, i) => first + i);
}

/** A command with some more words at its end. @returns null where it would be longer than so many bytes */
function withWords(command: Command, more: ReadonlyArray<string | Buffer>, maxBytes: number): Command | null {
  // Its words are copied one by one, which takes far more room than they have here.
  if (command.end - command.start > maxBytes) return null;
  const words = Array.from({ length: command.count }, (_, i) => command.copy(i));
  const longer = commandOf([...words, ...more]);
  return longer.end - longer.start > maxBytes ? null : longer;
}
