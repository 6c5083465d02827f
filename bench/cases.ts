/** What is measured. */
export interface BenchCase {
  readonly name: string;
  readonly kind: 'get' | 'grpc' | 'grpc-js' | 'poisson';
  readonly connections: number;
  readonly streams: number;
  readonly size: number;
  readonly keys: number;
  readonly rate?: number;
}

const SHAPES = [
  { connections: 10, streams: 10 },
  { connections: 100, streams: 1 },
  { connections: 1, streams: 100 },
] as const;
const KEYS = [1, 10_000] as const;

export const cases: readonly BenchCase[] = [
  ...KEYS.flatMap((keys) =>
    SHAPES.flatMap((shape): BenchCase[] => [
      { name: label('GET 100 B', shape, keys), kind: 'get', ...shape, size: 100, keys },
      {
        name: label('gRPC 100 B', shape, keys),
        kind: 'grpc',
        ...shape,
        size: 100,
        keys,
      },
    ]),
  ),
  {
    name: 'GET 16 KB, c=10 m=10',
    kind: 'get',
    ...SHAPES[0],
    size: 16384,
    keys: 10_000,
  },
  {
    name: 'gRPC 16 KB, c=10 m=10',
    kind: 'grpc',
    ...SHAPES[0],
    size: 16384,
    keys: 10_000,
  },
  { name: 'grpc-js clients, c=10 m=10', kind: 'grpc-js', ...SHAPES[0], size: 100, keys: 10_000 },
  { name: 'grpc-js clients, c=100 m=1', kind: 'grpc-js', ...SHAPES[1], size: 100, keys: 10_000 },
  {
    name: 'Poisson 10,000/s, c=10',
    kind: 'poisson',
    connections: 10,
    streams: 0,
    size: 100,
    keys: 10_000,
    rate: 10_000,
  },
];

function label(what: string, { connections, streams }: { connections: number; streams: number }, keys: number): string {
  return `${what}, c=${connections} m=${streams}, ${keys === 1 ? 'one key' : '10,000 keys'}`;
}
