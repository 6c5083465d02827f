/** Unary calls by real clients: grpc-js channels, each with its own connection, each with so many calls under way. */
import { type ChannelOptions, credentials, Metadata, makeGenericClientConstructor } from '@grpc/grpc-js';
import type { LoadOptions, SlicedLoad } from './load.ts';

const identity = (bytes: Buffer): Buffer => bytes;
const EchoClient = makeGenericClientConstructor(
  {
    call: {
      path: '/bench.Bench/Call',
      requestStream: false,
      responseStream: false,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    },
  },
  'Bench',
);
// A subchannel is shared by clients of one address unless each has a pool of its own.
const OWN_CONNECTION: ChannelOptions = { 'grpc.use_local_subchannel_pool': 1 };

/** Opens a channel for each connection; each slice keeps `streams` calls under way on every one. */
export async function openGrpcJsLoad(options: LoadOptions): Promise<SlicedLoad> {
  const clients = Array.from(
    { length: options.connections },
    () => new EchoClient(`127.0.0.1:${options.port}`, credentials.createInsecure(), OWN_CONNECTION),
  );
  const message = Buffer.alloc(options.requestBytes, 'k');
  let next = 0;
  const call = (client: InstanceType<typeof EchoClient>): Promise<boolean> => {
    const metadata = new Metadata();
    metadata.set('x-shard-key', `project/document-${next++ % options.keys}`);
    return new Promise((resolve) => {
      (client.call as (...args: unknown[]) => unknown).call(client, message, metadata, (error: Error | null) =>
        resolve(error === null),
      );
    });
  };
  return {
    async run(ms) {
      let requests = 0;
      let errors = 0;
      const started = performance.now();
      const lane = async (client: InstanceType<typeof EchoClient>): Promise<void> => {
        while (performance.now() - started < ms) {
          if (!(await call(client))) errors++;
          requests++;
        }
      };
      await Promise.all(clients.flatMap((client) => Array.from({ length: options.streams }, () => lane(client))));
      return { requests, errors, seconds: (performance.now() - started) / 1000 };
    },
    close: () => {
      for (const client of clients) client.close();
    },
  };
}
