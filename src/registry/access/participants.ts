import { createHash } from 'node:crypto';
import type { Role } from './roles.ts';

/** A client, or a group of clients with one token, that takes part in a registry. */
export interface Participant {
  /** Which participant owns which leases. Clients with the same token are the same participant. */
  readonly owner: string;
  readonly role: Role;
}

/** The participants, by their tokens. */
export class Participants {
  readonly #byHash: ReadonlyMap<string, Participant>;
  readonly #anybody: Participant | null;

  private constructor(roles: ReadonlyMap<string, Role>, anybody: Role | null) {
    this.#byHash = new Map([...roles].map(([hash, role]) => [hash, { owner: hash, role }]));
    this.#anybody = anybody === null ? null : { owner: 'anybody', role: anybody };
  }

  /** No token is asked for, and every client may do everything. */
  static anybody(): Participants {
    return new Participants(new Map(), { kind: 'administer' });
  }

  /** All show one token, and may do all. */
  static sharing(token: string): Participants {
    return Participants.of(new Map([[tokenHash(token), { kind: 'administer' }]]));
  }

  /** @param roles by the SHA-256 of the token that stands for them, in lower-case hex */
  static of(roles: ReadonlyMap<string, Role>): Participants {
    return new Participants(roles, null);
  }

  /**
   * The participant with the token in an `authorization` field (RFC 6750, 2.1); null: the token is unknown. It compares
   * hashes, no part of which a caller can choose, so the time that it takes reveals nothing about a token.
   */
  find(authorization: string | undefined): Participant | null {
    if (this.#anybody !== null) return this.#anybody;
    const [, shown] = /^Bearer (.+)$/i.exec(authorization ?? '') ?? [];
    return shown === undefined ? null : (this.#byHash.get(tokenHash(shown)) ?? null);
  }
}

/** By which a token is kept: SHA-256, in lower-case hex. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex');
}
