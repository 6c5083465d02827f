/** A call that cannot be made as it is described. */
export class CallError extends Error {
  override readonly name = 'CallError';
}
