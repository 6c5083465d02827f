import type { Revision } from './store/store.ts';

declare const tokenBrand: unique symbol;
/** Shown with every write that a leader makes: of two terms of one election the later one's is larger. */
export type FencingToken = number & { readonly [tokenBrand]: true };

/**
 * Tokens are a store's revisions, behind the number of the store's incarnation: so that they grow where revisions go back. A store that
 * makes a million changes a second has made that many after twelve days.
 */
const REVISIONS = 2 ** 40;

export function tokenOf(epoch: number, revision: Revision): FencingToken {
  return (epoch * REVISIONS + revision) as FencingToken;
}

/** The revision of the entry that a token stands for. */
export function revisionOf(token: FencingToken): Revision {
  return (token % REVISIONS) as Revision;
}

/** In which of the store's incarnations a token was made. */
export function epochOf(token: FencingToken): number {
  return Math.floor(token / REVISIONS);
}
