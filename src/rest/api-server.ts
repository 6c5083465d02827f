import { type Answer, GuardedServer, json, type Method, type Question, type ShownCertificate } from '../admin/index.ts';
import { bearsToken } from '../runtime/bearer-token.ts';
import { identifier } from '../topology/index.ts';
import { checked } from '../yaml/index.ts';
import type { Api } from './api.ts';
import type { Names } from './names.ts';
import { openApiDocument } from './open-api.ts';
import type { Operation } from './operation.ts';
import { BASE, operations } from './operations.ts';
import { Refused, refusalFor } from './refusal.ts';

/** A thousand addresses take a tenth of it. */
const LARGEST_BODY_BYTES = 256 * 1024;

const DOCUMENT = '/openapi.json';

/** Serves an API as kvrocks-controller does: what is done in `data`, what is refused in `error.message`. */
export class ApiServer {
  readonly #api: Api;
  readonly #token: string | null;
  readonly #server: GuardedServer;

  /** @param token what requests have to bear; null: any may ask. @param names see `GuardedServer` */
  constructor(api: Api, token: string | null, names: readonly string[], tls: ShownCertificate | null) {
    this.#api = api;
    this.#token = token;
    const answerer = {
      bearsToken: (authorization: string | undefined): boolean => token !== null && isShown(authorization, token),
      answer: (question: Question): Promise<Answer> => this.#answer(question),
      methods: methodsOf,
      refusal: ({ status, text, headers = {} }: Answer): Answer => refusal(status, text.trim(), headers),
    };
    this.#server = new GuardedServer(answerer, names, tls, 'api.hosts');
  }

  /** @returns the port */
  listen(host: string, port: number): Promise<number> {
    return this.#server.listen(host, port);
  }

  close(): void {
    this.#server.close();
  }

  async #answer({ method, path, bearsToken: bears, gone, body }: Question): Promise<Answer> {
    if (this.#token !== null && !bears)
      return refusal(401, 'a token is required: authorization: Bearer …', { 'www-authenticate': 'Bearer' });
    if (path === DOCUMENT) return json(openApiDocument());
    try {
      const found = matchOf(path).find((each) => each.operation.method === method);
      if (found === undefined) throw new Refused(404, 'not found');
      const { operation } = found;
      const names = namesIn(found.names);
      const given = operation.body === null ? null : bodyIn(operation.body, await body(LARGEST_BODY_BYTES));
      const data = await operation.run(this.#api, names, given, gone);
      return operation.status === 204 ? { status: 204, type: '', text: '' } : json({ data }, operation.status);
    } catch (error) {
      const refused = refusalFor(error);
      if (refused === null) throw error;
      return refusal(refused.status, refused.message);
    }
  }
}

/** Clients that have names and passwords show the token as the password. */
function isShown(authorization: string | undefined, token: string): boolean {
  const [, pair] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '') ?? [];
  if (pair === undefined) return bearsToken(authorization, token);
  const text = Buffer.from(pair, 'base64').toString('utf8');
  return bearsToken(`Bearer ${text.slice(text.indexOf(':') + 1)}`, token);
}

function refusal(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { ...json({ error: { message } }, status), headers };
}

interface Match {
  readonly operation: Operation;
  readonly names: Readonly<Record<string, string>>;
}

const PATTERNS = operations.map((operation) => ({
  operation,
  pattern: new RegExp(`^${BASE}${operation.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}/?$`),
}));

function matchOf(path: string): Match[] {
  return PATTERNS.flatMap(({ operation, pattern }) => {
    const match = pattern.exec(path);
    return match === null ? [] : [{ operation, names: match.groups ?? {} }];
  });
}

/** A path that nothing is at is asked for by any of them, and answered as one that is not found. */
function methodsOf(path: string): readonly Method[] {
  const found = matchOf(path).map(({ operation }) => operation.method);
  if (found.length > 0) return found;
  return path === DOCUMENT ? ['GET'] : ['GET', 'POST', 'DELETE'];
}

function namesIn(groups: Readonly<Record<string, string>>): Names {
  const name = (key: string): string => {
    const text = groups[key];
    if (text === undefined) return '';
    const found = checked(identifier, text);
    if ('fault' in found) throw new Refused(400, `${key}: ${found.fault}`);
    return found.value;
  };
  const shard = groups.shard ?? '0';
  if (!/^\d{1,9}$/.test(shard)) throw new Refused(400, 'shard: write its number, from 0');
  return { namespace: name('namespace'), cluster: name('cluster'), shard: Number(shard), node: name('node') };
}

function bodyIn(schema: NonNullable<Operation['body']>, bytes: Buffer): unknown {
  let value: unknown;
  try {
    value = bytes.length === 0 ? {} : JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new Refused(400, 'the content is not JSON');
  }
  const found = checked(schema, value);
  if ('fault' in found) throw new Refused(400, found.fault);
  return found.value;
}
