import { RespClient, RespClientError } from '../../../resp/index.ts';
import { splitAddress } from '../../../runtime/address.ts';
import type { NodeAccess } from '../../engine.ts';

/** One connection to each address, which all that use it share. */
export class Clients {
  readonly #access: Pick<NodeAccess, 'login' | 'certificates'>;
  readonly #timeoutMs: number;
  readonly #opened = new Map<string, Promise<RespClient>>();
  #avoided: ReadonlySet<string> = new Set();

  /** @param timeoutMs for each connection, and each answer */
  constructor(access: Pick<NodeAccess, 'login' | 'certificates'>, timeoutMs: number) {
    this.#access = access;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws RespClientError */
  async at(address: string): Promise<RespClient> {
    if (this.#avoided.has(address)) throw new RespClientError(`${address} is being replaced`);
    const known = this.#opened.get(address);
    if (known !== undefined) {
      const client = await known.catch(() => null);
      if (client?.isClosed === false) return client;
      // Another one that has waited for it too may have been faster.
      if (this.#opened.get(address) !== known) return this.at(address);
    }
    const { login, certificates } = this.#access;
    const opening = RespClient.connect({ target: splitAddress(address), certificates }, login, this.#timeoutMs);
    this.#opened.set(address, opening);
    return opening;
  }

  /** Ends the connections to some addresses, and opens none to them until the next call. */
  avoid(addresses: ReadonlySet<string>): void {
    this.#avoided = addresses;
    for (const address of addresses) this.#end(address);
  }

  close(): void {
    for (const address of this.#opened.keys()) this.#end(address);
  }

  #end(address: string): void {
    this.#opened.get(address)?.then(
      (client) => client.close(),
      () => {},
    );
    this.#opened.delete(address);
  }
}
