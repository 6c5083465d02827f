/** A registry that is described in a way that it cannot be used. */
export class StoreSetUpError extends Error {
  override readonly name = 'StoreSetUpError';
}
