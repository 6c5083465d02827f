import { parseAllDocuments } from 'yaml';
import { type Difference, Fields } from '../fields.ts';

export interface IstioSource {
  readonly file: string;
  readonly text: string;
}

/** The kinds that are carried over. */
export type ResourceKind = 'Gateway' | 'VirtualService' | 'DestinationRule';

export interface Resource {
  readonly kind: ResourceKind;
  readonly name: string;
  /** Undefined where its file does not say: it is the one that it will be applied to. */
  readonly namespace: string | undefined;
  readonly spec: Fields;
  /** Reports every field that was not taken. */
  finish(): void;
}

const KINDS: ReadonlySet<unknown> = new Set<ResourceKind>(['Gateway', 'VirtualService', 'DestinationRule']);
/** Of any version. Kubernetes' own gateway API has a Gateway too, which is another thing. */
const ISTIO = /^networking\.istio\.io\//;

/** Reads the resources of files. What cannot be read, or is of another kind, is reported, and the rest is read. */
export function readResources(sources: readonly IstioSource[], differences: Difference[]): Resource[] {
  return sources.flatMap(({ file, text }) => {
    const documents = parseAllDocuments(text, { logLevel: 'error' });
    return [...documents].flatMap((document, i) => {
      const place = documents.length > 1 ? `${file}: document ${i + 1}` : file;
      const [error] = document.errors;
      try {
        if (error !== undefined) throw error;
        return readDocument(document.toJS(), file, place, differences);
      } catch (cause) {
        differences.push({
          kind: 'left out',
          field: place,
          reason: `not YAML: ${(cause as Error).message.split('\n')[0] ?? ''}`,
        });
        return [];
      }
    });
  });
}

function readDocument(value: unknown, file: string, place: string, differences: Difference[]): Resource[] {
  if (value === null || value === undefined) return [];
  const { apiVersion, kind, metadata, items } = value as Record<string, unknown>;
  // What `kubectl get -o yaml` prints of several.
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items))
    return items.flatMap((item) => readDocument(item, file, place, differences));
  const { name, namespace } = (metadata ?? {}) as Record<string, unknown>;
  const own = typeof name === 'string' ? name : '';
  const qualified = typeof namespace === 'string' ? `${namespace}/${own}` : own;
  const what = `${typeof kind === 'string' ? kind : place} ${qualified}`.trim();
  if (!KINDS.has(kind) || (typeof apiVersion === 'string' && !ISTIO.test(apiVersion))) {
    const of = typeof apiVersion === 'string' && KINDS.has(kind) ? ` of Istio, but of ${apiVersion}` : '';
    differences.push({
      kind: 'left out',
      field: `${file}: ${what}`,
      reason: `is not a Gateway, VirtualService or DestinationRule${of}`,
    });
    return [];
  }
  const resource = new Fields(value, `${what}: `, differences);
  for (const each of ['apiVersion', 'kind', 'metadata', 'status']) resource.take(each);
  return [
    {
      kind: kind as ResourceKind,
      name: own,
      namespace: typeof namespace === 'string' ? namespace : undefined,
      spec: resource.mapping('spec'),
      finish: () => resource.finish(),
    },
  ];
}
