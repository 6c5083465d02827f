/** What all clients of a run go by. */
export interface ClientSetup {
  /** Where the routers listen, in their order. */
  readonly endpoints: readonly string[];
  readonly keys: readonly string[];
  /** A client's own, so that what one does hangs on nobody else. */
  readonly randomOf: (client: number) => () => number;
  /** How long one waits between two calls, in the mean. */
  readonly thinkMs: number;
  /** Whether they differ: by protocol, by how much they send and how slowly, and by route. Else they put little, by gRPC. */
  readonly isVaried: boolean;
  /** How long a shard of the tests' own takes for an operation, at most. */
  readonly mostDelayMs: number;
}
