import type { Span } from '@opentelemetry/api';
import type { Field } from '../../../http/index.ts';
import type { GrpcWebTranslation } from '../../../rpc/index.ts';
import type { HttpUpstream } from '../pools/http-pool.ts';
import type { Route } from '../routes/routing.ts';

/** What a client needs besides what its shard answers. */
export interface ClientNeeds {
  /** Headers without which a page of another origin may not read the answer. */
  readonly cors: readonly Field[] | null;
  readonly grpcWeb: GrpcWebTranslation | null;
}

/** What was found out about a request before it is sent. */
export interface Admission {
  owner: HttpUpstream;
  route: Route;
  /** The key, or the header field that holds it. */
  key: Field | string;
  /** The version by which another router has sent it here; 0: none has. */
  askedBy: number;
  /** The client's address. */
  client: string;
  needs: ClientNeeds | null;
  span: Span | null;
}
