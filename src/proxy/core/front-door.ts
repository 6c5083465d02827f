import type { Accepted } from '../../io/index.ts';
import type { Session } from './session.ts';

/** Whether a connection is a protocol's; `more`: too little has come to decide. */
export type Claim = 'yes' | 'no' | 'more';

/** Where the clients of one protocol come in. */
export interface FrontDoor {
  /** What ALPN calls the protocol; null where it has no name there. */
  readonly alpn: string | null;
  /** Whether a connection is its own whose first bytes are bytes[start, end), at least one. */
  claims(bytes: Uint8Array, start: number, end: number): Claim;
  /** Takes a connection, from its first byte on. */
  accept(accepted: Accepted): Session;
}

/** The doors of an address, in the order in which they are asked: one that takes whatever comes stands last. */
export class FrontDoors {
  readonly #doors: readonly FrontDoor[];
  /** For TLS, the most wanted first. */
  readonly alpn: readonly string[];

  constructor(doors: readonly FrontDoor[]) {
    this.#doors = doors;
    this.alpn = doors.flatMap(({ alpn }) => (alpn === null ? [] : [alpn]));
  }

  /** The door that ALPN has settled on; null where the first bytes have to show it. */
  byAlpn(alpn: string | null): FrontDoor | null {
    return alpn === null ? null : (this.#doors.find((door) => door.alpn === alpn) ?? null);
  }

  /** The door that claims a connection by its first bytes; `more` where that is not clear yet, null where none does. */
  byFirstBytes(bytes: Uint8Array, start: number, end: number): FrontDoor | 'more' | null {
    for (const door of this.#doors) {
      const claim = door.claims(bytes, start, end);
      if (claim === 'more') return claim;
      if (claim === 'yes') return door;
    }
    return null;
  }
}
