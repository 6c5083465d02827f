import { OwnNames } from '../names/own-names.ts';
import { DEFAULT_USER } from '../words.ts';
import { allowedBy } from './command-terms.ts';

/** Who may do what at an address. Plain data. */
export interface RedisUserDescription {
  readonly name: string;
  readonly password: string;
  /** What its keys and channels begin with: one of these; absent: any. */
  readonly prefixes?: readonly string[] | undefined;
  /** What stands before its keys and channels at the servers, and is neither written nor read by it; not beside `prefixes`. */
  readonly prefix?: string | undefined;
  /** Whether it may run scripts in spite of its `prefix`; these reach any key by its name. By default `refused`. */
  readonly scripts?: 'refused' | 'trusted' | undefined;
  /** Terms of an ACL; absent: all that the router does. */
  readonly commands?: string | undefined;
}

/** A user of an address. */
export class RedisUser {
  readonly name: string;
  /** In latin1, as keys are compared; null: its keys may be any. */
  readonly prefixes: readonly string[] | null;
  /** Null: it calls keys what the servers call them. */
  readonly names: OwnNames | null;
  readonly trustsScripts: boolean;
  readonly #allowed: Uint8Array | null;

  /** @throws Error where its commands are none */
  constructor({ name, prefixes, prefix, scripts, commands }: Omit<RedisUserDescription, 'password'>) {
    this.name = name;
    this.prefixes = prefixes?.map((prefix) => Buffer.from(prefix, 'utf8').toString('latin1')) ?? null;
    this.names = prefix === undefined ? null : new OwnNames(prefix);
    this.trustsScripts = scripts === 'trusted';
    this.#allowed = commands === undefined ? null : allowedBy(commands);
  }

  /** Its commands have to be looked at. */
  get isRestricted(): boolean {
    return this.#allowed !== null || this.prefixes !== null || this.names !== null;
  }

  mayUse({ index }: { readonly index: number }): boolean {
    return this.#allowed === null || this.#allowed[index] === 1;
  }

  /** Whether a key, a channel, or all that a pattern with this beginning describes, is its own. @param name latin1 */
  owns(name: string): boolean {
    return this.prefixes === null || this.prefixes.some((prefix) => name.startsWith(prefix));
  }
}

/** Whoever gives the password of an address, or need not give any. */
export const UNRESTRICTED = new RedisUser({ name: DEFAULT_USER });
