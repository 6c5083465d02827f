import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { status as grpcStatus } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { type Field, field, type HeaderBlock, transientField } from '../http2/index.ts';
import { Template, type TemplateValues } from './template.ts';

/** What is to be asked. */
export type CallDescription =
  | {
      readonly kind: 'grpc';
      /** `package.Service/Method`. */
      readonly method: string;
      readonly proto: string;
      readonly include: readonly string[];
      /** JSON. */
      readonly data: string;
    }
  | { readonly kind: 'http'; readonly method: string; readonly path: string; readonly data: string | null };

/** A call that cannot be made as it is described. */
export class CallError extends Error {
  override readonly name = 'CallError';
}

/** A name and a value with `{{names}}`. */
export interface HeaderTemplate {
  readonly name: string;
  readonly value: string;
}

/** A call, ready to be made again and again. */
export class PreparedCall {
  readonly isGrpc: boolean;
  readonly #fixed: readonly Field[];
  readonly #varying: ReadonlyArray<{ readonly name: string; readonly template: Template }>;
  readonly #body: (values: TemplateValues) => Uint8Array | null;
  readonly #fine: ReadonlySet<string>;

  /** @param fine statuses that are no errors, besides those that never are. @throws CallError TemplateError */
  constructor(
    description: CallDescription,
    authority: string,
    headers: readonly HeaderTemplate[],
    fine: readonly string[],
    random: () => number,
  ) {
    this.#fine = new Set(fine);
    this.isGrpc = description.kind === 'grpc';
    const grpc = description.kind === 'grpc' ? methodOf(description) : null;
    const method = description.kind === 'grpc' ? 'POST' : description.method;
    const path = grpc === null ? (description as { path: string }).path : grpc.path;
    const own: HeaderTemplate[] = [
      { name: ':method', value: method },
      { name: ':scheme', value: 'http' },
      { name: ':path', value: path },
      { name: ':authority', value: authority },
      ...(grpc === null ? [] : [GRPC_CONTENT_TYPE, TRAILERS]),
      { name: 'user-agent', value: 'keyway-load' },
    ];
    const all = [...own, ...headers].map(({ name, value }) => ({
      name: name.toLowerCase(),
      template: new Template(value, name, random),
    }));
    this.#fixed = all.flatMap(({ name, template }) =>
      template.isConstant ? [field(name, template.render(NO_VALUES))] : [],
    );
    this.#varying = all.filter(({ template }) => !template.isConstant);
    this.#body = bodyOf(description, grpc, random);
  }

  /** Puts the request's header section into `block`. */
  write(block: HeaderBlock, values: TemplateValues): void {
    block.clear();
    // The pseudo-header fields come first: of those only the path may vary.
    for (const { name, template } of this.#varying)
      if (name === ':path') block.push(transientField(name, template.render(values)));
    for (const each of this.#fixed) block.push(each);
    for (const { name, template } of this.#varying)
      if (name !== ':path') block.push(transientField(name, template.render(values)));
  }

  /** The request's content; null where it has none. */
  body(values: TemplateValues): Uint8Array | null {
    return this.#body(values);
  }

  /** What an answer's status is called. */
  statusOf(http: string, grpc: number | null): { readonly status: string; readonly isError: boolean } {
    const status = this.isGrpc ? grpcStatusText(http, grpc) : http;
    const isFine = this.isGrpc ? status === 'OK' : /^[23]/.test(http);
    return { status, isError: !isFine && !this.#fine.has(status) };
  }
}

function grpcStatusText(http: string, grpc: number | null): string {
  if (grpc === null) return http === '200' ? 'no grpc-status' : `HTTP ${http}`;
  return grpcStatus[grpc] ?? `status ${grpc}`;
}

const GRPC_CONTENT_TYPE = { name: 'content-type', value: 'application/grpc' };
const TRAILERS = { name: 'te', value: 'trailers' };
const NO_VALUES: TemplateValues = { key: '', project: '', document: '', seq: 0 };
/** A flag and a length stand before each message. */
const PREFIX_BYTES = 5;

type Description<Kind> = Extract<CallDescription, { kind: Kind }>;
type Method = MethodDefinition<object, object>;

function bodyOf(
  description: CallDescription,
  grpc: Method | null,
  random: () => number,
): (values: TemplateValues) => Uint8Array | null {
  if (description.data === null) return () => null;
  const template = new Template(description.data, 'the data', random);
  const make = (values: TemplateValues): Uint8Array => {
    const text = template.render(values);
    return grpc === null ? Buffer.from(text, 'utf8') : message(grpc, text);
  };
  const first = make({ key: 'project/document', project: 'project', document: 'document', seq: 0 });
  return template.isConstant ? () => first : make;
}

/** @throws CallError where the text is no such message */
function message({ requestSerialize, path }: Method, text: string): Uint8Array {
  try {
    const encoded = requestSerialize(JSON.parse(text) as object);
    const framed = Buffer.alloc(PREFIX_BYTES + encoded.length);
    framed.writeUInt32BE(encoded.length, 1);
    framed.set(encoded, PREFIX_BYTES);
    return framed;
  } catch (error) {
    throw new CallError(`the data is no request of ${path}: ${(error as Error).message}: ${text.slice(0, 200)}`, {
      cause: error,
    });
  }
}

/** @throws CallError where there is no such method, or it streams */
function methodOf({ proto, include, method: wanted }: Description<'grpc'>): Method {
  const file = resolve(proto);
  readFileSync(file);
  const definitions = loadSync(file, { includeDirs: [...include], longs: String, enums: String, bytes: String });
  const services = Object.entries(definitions).filter(([, definition]) => !('format' in definition));
  const methods = services.flatMap(([service, definition]) =>
    Object.entries(definition as Record<string, Method>).map(
      ([name, method]) => [`${service}/${name}`, method] as const,
    ),
  );
  const [, found] = methods.find(([name]) => name === wanted) ?? [];
  if (found === undefined) {
    const names = methods.map(([name]) => name).join(', ');
    throw new CallError(`${proto} has no method ${wanted}; it has ${names === '' ? 'none' : names}`);
  }
  if (found.requestStream || found.responseStream) throw new CallError(`${wanted} streams; name a unary method`);
  return found;
}
