import type { Field } from '../../../http/index.ts';
import { MessageReader } from '../../../rpc/index.ts';
import { type ContentAccount, HeldContent } from './held-content.ts';
import { type ResumeDescription, type ResumeToken, resumeToken } from './resume.ts';

/** A watch names what it wants in less; a longer request is not kept for as long as a watch is open. */
const LONGEST_REQUEST_BYTES = 64 * 1024;

/** What a watch needs so that it can be opened again at another owner: its request, and how far it has come. */
export class WatchReplay {
  readonly #token: ResumeToken;
  /** Null where nothing in the messages matters. */
  readonly #reader: MessageReader | null;
  readonly #request: HeldContent;
  readonly #account: ContentAccount;
  #isLost = false;

  /** @param account what it keeps is counted in */
  constructor(resume: ResumeDescription | undefined, account: ContentAccount) {
    this.#account = account;
    this.#request = new HeldContent(account);
    this.#token = resumeToken(resume);
    const reads = resume !== undefined && !('header' in resume);
    this.#reader = reads ? new MessageReader((message) => this.#token.onMessage(message)) : null;
  }

  onRequest(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isLost) return;
    const isKept = this.#request.append(bytes, start, end);
    if (!isKept || this.#request.length > LONGEST_REQUEST_BYTES) this.#giveUp();
  }

  onHead(get: (header: string) => string | undefined): void {
    this.#token.onHead(get);
  }

  /** Content of the answer that goes to the client. */
  onResponse(bytes: Uint8Array, start: number, end: number): void {
    if (this.#reader === null || this.#isLost) return;
    const before = this.#reader.carriedBytes;
    try {
      this.#reader.read(bytes, start, end);
      this.#account.bytes += this.#reader.carriedBytes - before;
      if (!this.#account.allows(this.#reader.carriedBytes)) this.#giveUp();
    } catch {
      // Compressed, too long, or none that the rule is for: where the watch stands is not known any more.
      this.#account.bytes += this.#reader.carriedBytes - before;
      this.#giveUp();
    }
  }

  #giveUp(): void {
    this.#isLost = true;
    this.forget();
  }

  /** The replay is not needed any more. */
  forget(): void {
    this.#request.clear();
    if (this.#reader === null) return;
    this.#account.bytes -= this.#reader.carriedBytes;
    this.#reader.clear();
  }

  /** The request is at hand, and it is known how far its watch has come. */
  get isPossible(): boolean {
    return !this.#isLost;
  }

  /** The request that continues from there: null where it is not what the rule is for. */
  request(fields: readonly Field[]): { readonly fields: Field[]; readonly content: Uint8Array } | null {
    const kept = this.#request.copy();
    try {
      const content =
        this.#reader === null ? kept : this.#reader.rewrite(kept, (message) => this.#token.message(message));
      return { fields: this.#token.head(fields), content };
    } catch {
      return null;
    }
  }
}
