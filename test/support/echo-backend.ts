import {
  type ClientUnaryCall,
  credentials,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Scope } from './processes.ts';

const identity = (bytes: Buffer): Buffer => bytes;
const kind = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${path}`,
  requestStream,
  responseStream,
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
});

/** One method of each kind; messages are plain bytes. */
const echoService = {
  unary: kind('Unary', false, false),
  clientStream: kind('ClientStream', true, false),
  serverStream: kind('ServerStream', false, true),
  bidi: kind('Bidi', true, true),
} satisfies ServiceDefinition;

const EchoClientClass = makeGenericClientConstructor(echoService, 'Echo');

export function echoClient(
  scope: Scope,
  endpoint: string,
  channel = credentials.createInsecure(),
): InstanceType<typeof EchoClientClass> {
  const client = new EchoClientClass(endpoint, channel);
  scope.defer(() => client.close());
  return client;
}

/** Metadata with a shard key. */
export function keyed(key: string, more: Readonly<Record<string, string | Buffer>> = {}): Metadata {
  const metadata = new Metadata();
  metadata.set('x-shard-key', key);
  for (const [name, value] of Object.entries(more)) metadata.set(name, value);
  return metadata;
}

type UnaryCall = (...args: unknown[]) => ClientUnaryCall;

/** One call: the name of the backend that answered, or the status that it failed with. */
export function answerOf(client: ReturnType<typeof echoClient>, key: string, deadlineMs = 30_000): Promise<string> {
  return new Promise((resolve) => {
    let backend = '';
    const onAnswer = (error: ServiceError | null): unknown =>
      setImmediate(() => resolve(error === null ? backend : (status[error.code] ?? '')));
    const options = { deadline: Date.now() + deadlineMs };
    const made = (client.unary as UnaryCall).call(client, Buffer.from('x'), keyed(key), options, onAnswer);
    made.on('metadata', (metadata) => {
      backend = String(metadata.get('x-backend')[0]);
    });
  });
}

/** What a backend saw of its calls. */
export interface EchoBackend {
  readonly port: number;
  readonly calls: string[];
  readonly cancelled: string[];
}

/**
 * A gRPC backend on grpc-js that answers with what it is sent, its own name in `x-backend`, the version by which it was
 * asked in `x-version`, and the call's `x-echo` metadata in headers and trailers. A message "fail" ends a call with FAILED_PRECONDITION, "hang" never ends.
 */
export async function startEchoBackend(scope: Scope, name: string, atPort = 0): Promise<EchoBackend> {
  const server = new Server();
  const calls: string[] = [];
  const cancelled: string[] = [];

  const begin = (call: {
    metadata: Metadata;
    sendMetadata(metadata: Metadata): void;
    on(event: 'cancelled', listener: () => void): unknown;
  }): Metadata => {
    const key = String(call.metadata.get('x-shard-key')[0]);
    calls.push(key);
    call.on('cancelled', () => cancelled.push(key));
    const headers = new Metadata();
    headers.set('x-backend', name);
    const version = call.metadata.get('x-keyway-version').join(',');
    if (version !== '') headers.set('x-version', version);
    headers.set('x-seen', Object.keys(call.metadata.getMap()).sort().join(','));
    for (const value of call.metadata.get('x-echo-bin')) headers.add('x-echo-bin', value);
    call.sendMetadata(headers);
    const trailers = new Metadata();
    for (const value of call.metadata.get('x-echo')) trailers.add('x-echo', value);
    return trailers;
  };

  const unary: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    const trailers = begin(call);
    const text = call.request.toString();
    if (text === 'hang') return;
    if (text === 'fail')
      callback({ code: status.FAILED_PRECONDITION, details: 'as asked: 100% “so”', metadata: trailers });
    else callback(null, call.request, trailers);
  };
  const clientStream: handleClientStreamingCall<Buffer, Buffer> = (call, callback) => {
    const trailers = begin(call);
    const parts: Buffer[] = [];
    call.on('data', (part: Buffer) => parts.push(part));
    call.on('end', () => callback(null, Buffer.concat(parts), trailers));
  };
  const serverStream: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    const trailers = begin(call);
    const text = call.request.toString();
    if (text === 'hang') {
      call.write(Buffer.from('first'));
      return;
    }
    for (let i = 0; i < Number(text); i++) call.write(Buffer.from(String(i)));
    call.end(trailers);
  };
  const bidi: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    const trailers = begin(call);
    call.on('data', (part: Buffer) => call.write(part));
    call.on('end', () => call.end(trailers));
  };
  server.addService(echoService, { unary, clientStream, serverStream, bidi });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${atPort}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  scope.defer(() => server.forceShutdown());
  return { port, calls, cancelled };
}
