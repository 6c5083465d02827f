/** Unary calls by real clients: grpc-js channels, each with its own connection, each with so many calls under way. */
import { type ChannelOptions, credentials, Metadata, makeGenericClientConstructor } from '@grpc/grpc-js';
import type { LoadOptions, LoadResult } from './load.ts';

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

export async function runGrpcJsLoad(
  options: LoadOptions,
  onMeasure: () => void,
  onMeasured: () => void,
): Promise<LoadResult> {
  const clients = Array.from(
    { length: options.connections },
    () => new EchoClient(`127.0.0.1:${options.port}`, credentials.createInsecure(), OWN_CONNECTION),
  );
  const message = Buffer.alloc(options.requestBytes, 'k');
  let requests = 0;
  let errors = 0;
  let running = true;
  let next = 0;
  const lane = async (client: InstanceType<typeof EchoClient>): Promise<void> => {
    while (running) {
      const metadata = new Metadata();
      metadata.set('x-shard-key', `project/document-${next++ % options.keys}`);
      await new Promise<void>((resolve) => {
        (client.call as (...args: unknown[]) => unknown).call(client, message, metadata, (error: Error | null) => {
          requests++;
          if (error !== null) errors++;
          resolve();
        });
      });
    }
  };
  const lanes = clients.flatMap((client) => Array.from({ length: options.streams }, () => lane(client)));
  await sleep(options.warmUpMs);
  requests = 0;
  errors = 0;
  onMeasure();
  const started = performance.now();
  await sleep(options.measureMs);
  const seconds = (performance.now() - started) / 1000;
  const result = { requests, errors, seconds, latenciesMs: new Float64Array(0) };
  onMeasured();
  running = false;
  await Promise.all(lanes);
  for (const client of clients) client.close();
  return result;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
