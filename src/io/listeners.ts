import { isDeepStrictEqual } from 'node:util';
import { addressText } from '../runtime/address.ts';
import type { Log } from '../runtime/log.ts';
import { type Door, Listener, type ListenerDescription, type ListenerOwner } from './listener.ts';

/** An address to listen on, told from others of the same text, such as two whose ports the system chooses. Plain data. */
export interface NamedListener {
  readonly name: string;
  readonly description: ListenerDescription;
  /** Its port: another than the description's where the system has chosen it. */
  readonly port: number;
  /** Descriptors of sockets that listen there already, handed over by another router; without them a new socket listens. */
  readonly inherited?: readonly number[] | undefined;
}

/** The sockets of an address, by its name, as one router hands them to another. Plain data. */
export interface ListeningSockets {
  readonly name: string;
  readonly sockets: readonly number[];
}

/** Names addresses, so that those of a later config are found among those that are listened on. */
export function namedListeners(listen: readonly ListenerDescription[]): NamedListener[] {
  const seen = new Map<string, number>();
  return listen.map((description) => {
    const address = addressText(description);
    const before = seen.get(address) ?? 0;
    seen.set(address, before + 1);
    return { name: `${address}#${before}`, description, port: description.port };
  });
}

/** A pending change of a thread's listeners: the new ones listen already, and nothing else has changed yet. */
export interface PreparedListeners {
  /** In the order of the addresses. */
  readonly ports: readonly number[];
  /** From now on connections are taken by the new descriptions; addresses that are gone take none. */
  apply(): void;
  /** All stays as it was. */
  discard(): void;
}

interface OpenListener {
  readonly listener: Listener;
  readonly port: number;
  timeoutMs: number;
  /** What was last reported of certificates that changed. */
  certificateFault: string | null;
}

/** The addresses that a thread listens on. */
export class Listeners {
  readonly #owner: ListenerOwner;
  readonly #log: Log;
  readonly #open = new Map<string, OpenListener>();

  constructor(owner: ListenerOwner, log: Log) {
    this.#owner = owner;
    this.#log = log;
  }

  /**
   * Listens on what is not listened on yet, and reads the certificates of what is described in another way.
   * @param reusePort lets several threads share a port, the kernel spreading connections over them
   * @throws TlsFileError, or an Error where an address cannot be had: then nothing has changed
   */
  async prepare(
    wanted: readonly NamedListener[],
    handshakeTimeoutMs: number,
    reusePort: boolean,
  ): Promise<PreparedListeners> {
    const changed = wanted.flatMap((each) => this.#changeOf(each, handshakeTimeoutMs));
    const added = wanted
      .filter(({ name }) => !this.#open.has(name))
      .map(({ name, description, port, inherited = [] }) => ({
        name,
        port,
        inherited,
        listener: new Listener(description, this.#owner, handshakeTimeoutMs),
      }));
    const discard = (): void => {
      for (const { listener } of added) listener.close();
    };
    const listening = await Promise.allSettled(
      added.map(({ listener, port, inherited }) =>
        inherited.length > 0 ? listener.listenOn(inherited) : listener.listen(port, reusePort),
      ),
    );
    const failed = listening.find((each) => each.status === 'rejected');
    if (failed !== undefined) {
      discard();
      throw failed.reason;
    }
    const portOf = new Map(added.map(({ name }, i) => [name, (listening[i] as { value: number }).value]));
    const ports = wanted.map(({ name }) => portOf.get(name) ?? this.#open.get(name)?.port ?? 0);
    const apply = (): void => {
      for (const change of changed) change();
      for (const { name, listener } of added)
        this.#open.set(name, {
          listener,
          port: portOf.get(name) as number,
          timeoutMs: handshakeTimeoutMs,
          certificateFault: null,
        });
      this.#closeAllBut(new Set(wanted.map(({ name }) => name)));
    };
    return { ports, apply, discard };
  }

  /** Has one that listens use another description. */
  #changeOf({ name, description }: NamedListener, handshakeTimeoutMs: number): Array<() => void> {
    const open = this.#open.get(name);
    if (open === undefined) return [];
    const { listener, timeoutMs } = open;
    if (timeoutMs === handshakeTimeoutMs && isDeepStrictEqual(listener.description, description)) return [];
    const door: Door = listener.doorOf(description, handshakeTimeoutMs);
    return [
      () => {
        listener.reconfigure(description, door);
        open.timeoutMs = handshakeTimeoutMs;
      },
    ];
  }

  #closeAllBut(wanted: ReadonlySet<string>): void {
    for (const [name, { listener }] of this.#open) {
      if (wanted.has(name)) continue;
      listener.close();
      this.#open.delete(name);
    }
  }

  /** Takes certificates whose files have changed. Called every second or so. */
  refreshCertificates(): void {
    for (const open of this.#open.values()) {
      const { listener } = open;
      const { fault, changed } = listener.refresh();
      if (changed) this.#log.info({ address: listener.address }, 'certificates were renewed');
      if (fault !== open.certificateFault && fault !== null)
        this.#log.error({ address: listener.address, fault }, 'certificates that changed cannot be used');
      open.certificateFault = fault;
    }
  }

  /** What is listened on, to be handed over. */
  sockets(): ListeningSockets[] {
    return [...this.#open].map(([name, { listener }]) => ({ name, sockets: listener.sockets }));
  }

  /** No connection is taken any more. */
  close(): void {
    this.#closeAllBut(new Set());
  }
}
