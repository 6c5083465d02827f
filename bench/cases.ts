/** What is measured, and what is to be reached of it (`target`: Keyway's CPU a request over a peer's). */
export interface BenchCase {
  readonly name: string;
  readonly kind: 'get' | 'grpc' | 'grpc-js' | 'poisson';
  readonly connections: number;
  readonly streams: number;
  readonly size: number;
  readonly keys: number;
  readonly rate?: number;
  readonly target?: Readonly<Record<string, number>>;
}

const SHAPES = [
  { connections: 10, streams: 10 },
  { connections: 100, streams: 1 },
  { connections: 1, streams: 100 },
] as const;
const GET_TARGETS = [
  { envoy: 0.2, haproxy: 0.75 },
  { envoy: 0.4, haproxy: 1.0 },
  { envoy: 0.12, haproxy: 0.55 },
];
const GRPC_TARGETS = [
  { envoy: 0.22, nghttpx: 0.7 },
  { envoy: 0.33, nghttpx: 0.85 },
  { envoy: 0.15, nghttpx: 0.5 },
];
const KEYS = [1, 10_000] as const;

export const cases: readonly BenchCase[] = [
  ...KEYS.flatMap((keys) =>
    SHAPES.flatMap((shape, i): BenchCase[] => [
      { name: label('GET 100 B', shape, keys), kind: 'get', ...shape, size: 100, keys, target: GET_TARGETS[i] ?? {} },
      {
        name: label('gRPC 100 B', shape, keys),
        kind: 'grpc',
        ...shape,
        size: 100,
        keys,
        target: GRPC_TARGETS[i] ?? {},
      },
    ]),
  ),
  {
    name: 'GET 16 KB, c=10 m=10',
    kind: 'get',
    ...SHAPES[0],
    size: 16384,
    keys: 10_000,
    target: { envoy: 0.35, haproxy: 0.4 },
  },
  {
    name: 'gRPC 16 KB, c=10 m=10',
    kind: 'grpc',
    ...SHAPES[0],
    size: 16384,
    keys: 10_000,
    target: { envoy: 0.45, nghttpx: 0.75 },
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
