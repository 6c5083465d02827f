/** What a page does: each protocol's own client calls the router at another origin. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type CallOptions, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { GrpcWebClientBase, MethodDescriptor, MethodType } from 'grpc-web';
import { yorkieServiceOf } from '../../support/yorkie-descriptor.ts';

export interface PageCall {
  readonly client:
    | 'connect-json'
    | 'connect-binary'
    | 'connect-grpc-web'
    | 'grpc-web-binary'
    | 'grpc-web-text'
    | 'websocket';
  readonly baseUrl: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly descriptorSet: readonly number[];
}

export interface PageResult {
  readonly activated: string;
  readonly events: readonly string[];
  /** The code of the error that a call ended with which its shard refused. */
  readonly refusal: string;
}

type Method = (request: object, options: CallOptions) => unknown;

async function byConnect(transport: Transport, call: PageCall): Promise<PageResult> {
  const service = yorkieServiceOf(Uint8Array.from(call.descriptorSet));
  const client = createClient(service, transport) as unknown as Record<string, Method>;
  const options = { headers: { ...call.headers, 'x-shard-key': call.key } };
  const { activateClient, watchDocument, pushPullChanges } = client as Record<string, Method> & {
    activateClient: Method;
  };
  const { clientId } = (await activateClient({ clientKey: 'c1' }, options)) as { clientId: string };
  const events: string[] = [];
  const watch = watchDocument?.({ clientId, documentId: 'd1' }, options) as AsyncIterable<{
    event: string;
    number: number;
  }>;
  for await (const { event, number } of watch) events.push(`${event}/${number}`);
  const refusal = await Promise.resolve(pushPullChanges?.({ change: 'fail' }, options)).then(
    () => 'none',
    (error: { code: number }) => String(error.code),
  );
  return { activated: clientId, events, refusal };
}

async function byGrpcWeb(format: 'binary' | 'text', call: PageCall): Promise<PageResult> {
  const service = yorkieServiceOf(Uint8Array.from(call.descriptorSet));
  const client = new GrpcWebClientBase({ format });
  const metadata = { ...call.headers, 'x-shard-key': call.key };
  const descriptorOf = (name: string, type: string) => {
    const method = service.methods.find((each) => each.name === name);
    if (method === undefined) throw new Error(name);
    const path = `${call.baseUrl}/${service.typeName}/${name}`;
    const serialize = (message: object): Uint8Array => toBinary(method.input, create(method.input, message as never));
    const deserialize = (bytes: Uint8Array): object => fromBinary(method.output, bytes);
    const descriptor = new MethodDescriptor<object, object>(path, type, Object, Object, serialize, deserialize);
    return { path, descriptor };
  };
  const unary = (name: string, request: object): Promise<object> =>
    new Promise((resolve, reject) => {
      const { path, descriptor } = descriptorOf(name, MethodType.UNARY);
      client.rpcCall(path, request, metadata, descriptor, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  const { clientId } = (await unary('ActivateClient', { clientKey: 'c1' })) as { clientId: string };
  const events: string[] = [];
  // Only the text form streams: XMLHttpRequest shows no bytes before the end.
  if (format === 'text') {
    await new Promise<void>((resolve, reject) => {
      const { path, descriptor } = descriptorOf('WatchDocument', MethodType.SERVER_STREAMING);
      const watch = client.serverStreaming(path, { clientId, documentId: 'd1' }, metadata, descriptor);
      watch.on('data', (event) => {
        const { event: name, number } = event as { event: string; number: number };
        events.push(`${name}/${number}`);
      });
      watch.on('error', reject);
      watch.on('end', () => resolve());
    });
  }
  const refusal = await unary('PushPullChanges', { change: 'fail' }).then(
    () => 'none',
    (error: { code: number }) => String(error.code),
  );
  return { activated: clientId, events, refusal };
}

function byWebSocket({ baseUrl, key }: PageCall): Promise<PageResult> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${baseUrl.replace(/^http/, 'ws')}/live?doc=${encodeURIComponent(key)}`);
    socket.onopen = () => socket.send('c1');
    socket.onmessage = ({ data }) => {
      resolve({ activated: String(data), events: [], refusal: '' });
      socket.close();
    };
    socket.onerror = () => reject(new Error('the WebSocket failed'));
  });
}

async function run(call: PageCall): Promise<PageResult> {
  const { baseUrl } = call;
  switch (call.client) {
    case 'connect-json':
      return byConnect(createConnectTransport({ baseUrl }), call);
    case 'connect-binary':
      return byConnect(createConnectTransport({ baseUrl, useBinaryFormat: true }), call);
    case 'connect-grpc-web':
      return byConnect(createGrpcWebTransport({ baseUrl }), call);
    case 'grpc-web-binary':
      return byGrpcWeb('binary', call);
    case 'grpc-web-text':
      return byGrpcWeb('text', call);
    case 'websocket':
      return byWebSocket(call);
  }
}

(globalThis as unknown as { run: typeof run }).run = run;
