/** Where an imported config may name files: of TLS, for clients or to shards. */
interface WithTls {
  readonly tls?: object;
}

interface Imported {
  readonly listen: readonly WithTls[];
  readonly clusters: Readonly<Record<string, { readonly upstream?: WithTls }>>;
}

/** An imported config without what depends on files that another machine may have. */
export function withoutFiles(config: object): object {
  const { listen, clusters, ...rest } = config as Imported;
  const plain = ({ tls: _tls, ...other }: WithTls): object => other;
  const clear = Object.entries(clusters).map(([name, { upstream, ...cluster }]) => [
    name,
    { ...cluster, ...(upstream !== undefined && { upstream: plain(upstream) }) },
  ]);
  return { ...rest, listen: listen.map(plain), clusters: Object.fromEntries(clear) };
}

/** The files that an imported config names. */
export function filesIn(config: object): string[] {
  const { listen, clusters } = config as Imported;
  const tls = [...listen, ...Object.values(clusters).map(({ upstream = {} }) => upstream)].map((each) => each.tls);
  return [...new Set(tls.flatMap(filesOf))];
}

const FILES = new Set(['certificate', 'key', 'clientAuthorities', 'authorities']);

function filesOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) =>
    FILES.has(name) && typeof each === 'string' ? [each] : filesOf(each),
  );
}
