/** What Kvrocks says no with. Its message is the whole error, beginning with its code. */
export class KvrocksError extends Error {
  override readonly name = 'KvrocksError';

  /** @param code before the text: most errors have the general one */
  constructor(text: string, code = 'ERR') {
    super(`${code} ${text}`);
  }
}
