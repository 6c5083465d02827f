import {
  type Field,
  type FieldCache,
  field,
  type HeaderBlock,
  type HeaderName,
  headerName,
} from '../../../http/index.ts';
import { canonicalAddress } from '../../../runtime/address.ts';

/** What is believed of the proxies in front of the router, and what the shards behind it receive. Plain data. */
export interface EdgeDescription {
  /** Proxies in front whose `x-forwarded-*` are believed; 0: clients connect to the router itself. */
  readonly trustedHops: number;
  /** `x-request-id`: left as it comes, generated if it is missing, or generated for every request. */
  readonly requestIds: 'pass' | 'missing' | 'always';
  /** Clients are routers, and this is the sidecar of a shard: what they say of a request is believed, and passed on as it is. */
  readonly behindRouters?: boolean | undefined;
  /** Clients are this shard's backend, which calls the owners of other keys: a request that comes round again is refused. */
  readonly egressOf?: string | undefined;
}

export const defaultEdge: EdgeDescription = { trustedHops: 0, requestIds: 'pass' };

const FORWARDED_FOR = headerName('x-forwarded-for');
const HTTP = field('x-forwarded-proto', 'http');
const HTTPS = field('x-forwarded-proto', 'https');
const PROTO = headerName('x-forwarded-proto');

/** Headers that describe the path of a request, which only a trusted proxy may set. */
export const FORWARDED_NAMES: ReadonlySet<HeaderName> = new Set(
  ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'forwarded', 'x-real-ip'].map(
    (name) => headerName(name),
  ),
);

/** Where a client's requests come from, and how shards learn of it. */
export class ForwardedFor {
  readonly #fields: FieldCache;
  readonly #hops: number;
  readonly #peer: string;
  readonly #own: Field;
  readonly #scheme: Field;

  /** @param peer the address at the other end of the connection */
  constructor(fields: FieldCache, hops: number, peer: string, secure: boolean) {
    this.#fields = fields;
    this.#hops = hops;
    this.#peer = peer;
    this.#own = this.#field(peer);
    this.#scheme = secure ? HTTPS : HTTP;
  }

  #field(value: string): Field {
    const bytes = Buffer.from(value, 'latin1');
    const made = this.#fields.internPlain(FORWARDED_FOR, bytes, 0, bytes.length);
    // A client sends many requests, so that a place in the tables of the connections to shards is worth it.
    made.recurring = true;
    return made;
  }

  /**
   * Adds the headers that describe the path. Where no proxy is trusted, those that came have been taken out.
   * @returns the client's address: the peer's, or what the last trusted proxy saw
   */
  apply(block: HeaderBlock): string {
    if (this.#hops === 0) {
      block.push(this.#own);
      block.push(this.#scheme);
      return this.#peer;
    }
    const forwarded = this.#take(block);
    const trusted = forwarded.slice(-this.#hops);
    block.push(this.#field([...trusted, this.#peer].join(', ')));
    if (block.get(PROTO.text) === undefined) block.push(this.#scheme);
    return trusted[0] === undefined ? this.#peer : canonicalAddress(trusted[0]);
  }

  /** The addresses that came in `x-forwarded-for`, the client's first; the header is taken out. */
  #take(block: HeaderBlock): string[] {
    const addresses: string[] = [];
    for (let i = block.count - 1; i >= 0; i--) {
      const each = block.fields[i] as Field;
      if (each.name !== FORWARDED_FOR) continue;
      addresses.unshift(...each.text.split(',').map((address) => address.trim()));
      block.remove(i);
    }
    return addresses.filter((address) => address !== '');
  }
}
