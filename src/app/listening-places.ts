import type { Config } from '../config/index.ts';
import { addressText, type HostPort } from '../runtime/address.ts';

type Addresses = Pick<Config, 'listen' | 'admin'>;

/** Where a router listens: where its config has port 0, the system has chosen one. */
export class ListeningPlaces {
  /** By the address in the config. */
  readonly #listen: ReadonlyMap<string, HostPort>;
  readonly #admin: HostPort | null;
  /** The system has chosen a port: others cannot learn it from the config. */
  readonly areChosen: boolean;

  /** @param ports in the config's order; none of it is known yet where no config is given */
  constructor({ listen, admin }: Partial<Addresses> = {}, ports: readonly number[] = [], adminPort = 0) {
    const places = (listen ?? []).map(
      ({ host, port }, i) => [addressText({ host, port }), { host, port: ports[i] ?? port }] as const,
    );
    this.#listen = new Map(places);
    this.#admin = admin === undefined ? null : { host: admin.host, port: adminPort };
    this.areChosen = [...(listen ?? []), ...(admin === undefined ? [] : [admin])].some(({ port }) => port === 0);
  }

  /** The addresses of a config, with the ports that are known. */
  of({ listen, admin }: Addresses): { readonly listen: readonly HostPort[]; readonly admin: HostPort } {
    const at = listen.map(({ host, port }) => this.#listen.get(addressText({ host, port })) ?? { host, port });
    return { listen: at, admin: this.#admin ?? admin };
  }
}
