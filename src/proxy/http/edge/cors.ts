import {
  type Field,
  field,
  type HeaderBlock,
  type HeaderName,
  headerName,
  type MessageHead,
  transientField,
} from '../../../http/index.ts';
import { headerValues } from '../routes/shard-key.ts';
import { type TextMatch, textMatcher } from '../routes/text-match.ts';

/** Which pages of other origins may call, as Istio's `corsPolicy` has it. Plain data. */
export interface CorsDescription {
  readonly allowOrigins: readonly TextMatch[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  /** How long a browser may keep the answer to a preflight. */
  readonly maxAgeSeconds?: number | undefined;
  readonly allowCredentials: boolean;
}

const ORIGIN = headerName('origin');
const REQUEST_METHOD = headerName('access-control-request-method');
const VARY_ORIGIN = field('vary', 'origin');
const OK = field(':status', '200');
const EMPTY = field('content-length', '0');
const CREDENTIALS = field('access-control-allow-credentials', 'true');
/** What an answer may say of its own is replaced: two of a kind are refused by browsers. */
const REPLACED: ReadonlySet<HeaderName> = new Set(
  ['origin', 'credentials', 'methods', 'headers']
    .map((name) => headerName(`access-control-allow-${name}`))
    .concat(headerName('access-control-expose-headers')),
);

/** A route's policy on calls from other origins (Fetch, "CORS protocol"). */
export class CorsPolicy {
  readonly #allows: (origin: string) => boolean;
  readonly #answer: readonly Field[];
  readonly #preflight: readonly Field[];

  constructor(description: CorsDescription) {
    const matchers = description.allowOrigins.map(textMatcher);
    this.#allows = (origin) => matchers.some((matches) => matches([origin]));
    const list = (name: string, values: readonly string[]): Field[] =>
      values.length === 0 ? [] : [field(name, values.join(','))];
    const credentials = description.allowCredentials ? [CREDENTIALS] : [];
    const { maxAgeSeconds } = description;
    this.#answer = [VARY_ORIGIN, ...credentials, ...list('access-control-expose-headers', description.exposeHeaders)];
    this.#preflight = [
      VARY_ORIGIN,
      ...credentials,
      ...list('access-control-allow-methods', description.allowMethods),
      ...list('access-control-allow-headers', description.allowHeaders),
      ...(maxAgeSeconds === undefined ? [] : [field('access-control-max-age', String(maxAgeSeconds))]),
    ];
  }

  #allowedOrigin(block: HeaderBlock): string | null {
    const [origin] = headerValues(block, ORIGIN);
    return origin !== undefined && this.#allows(origin) ? origin : null;
  }

  /** The whole answer to a preflight of an origin that is allowed; null for any other request, which goes its way. */
  preflight(head: MessageHead, block: HeaderBlock): readonly Field[] | null {
    if (head.method?.text !== 'OPTIONS' || headerValues(block, REQUEST_METHOD).length === 0) return null;
    const origin = this.#allowedOrigin(block);
    return origin === null ? null : [OK, allowOrigin(origin), ...this.#preflight, EMPTY];
  }

  /** What an answer has to carry so that the page that asked may read it; null where it may not, or is of the same origin. */
  fieldsFor(block: HeaderBlock): readonly Field[] | null {
    const origin = this.#allowedOrigin(block);
    return origin === null ? null : [allowOrigin(origin), ...this.#answer];
  }
}

function allowOrigin(origin: string): Field {
  return transientField('access-control-allow-origin', origin);
}

/** Puts the fields into an answer, in place of what its shard says in the matter. */
export function applyCors(block: HeaderBlock, fields: readonly Field[]): void {
  block.removeWhere(({ name }) => REPLACED.has(name));
  for (const each of fields) block.push(each);
}
