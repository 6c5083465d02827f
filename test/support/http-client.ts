import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { RouterUnderTest } from './cluster.ts';
import type { Scope } from './processes.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly trailers: IncomingMessage['trailers'];
  readonly text: string;
}

/** Sends a request over HTTP/1.1, with the key `k` if it has none of its own. */
export async function overHttp1(
  router: RouterUnderTest,
  path: string,
  options: RequestOptions = {},
  body?: string | Buffer,
): Promise<Answer> {
  const sent = httpRequest({
    port: router.port,
    path,
    ...options,
    headers: { 'x-shard-key': 'k', ...options.headers },
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('latin1');
  return { status: response.statusCode ?? 0, headers: response.headers, trailers: response.trailers, text };
}

/** Sends a request over HTTP/2, on a connection of its own. */
export async function overHttp2(
  scope: Scope,
  router: RouterUnderTest,
  headers: Readonly<Record<string, string>>,
  body?: string | Buffer,
): Promise<Answer> {
  const session = connectHttp2(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  session.on('error', () => {});
  const stream = session.request({
    ...(body === undefined ? {} : { ':method': 'POST' }),
    'x-shard-key': 'k',
    ...headers,
  });
  let trailers: IncomingMessage['trailers'] = {};
  stream.on('trailers', (each: IncomingMessage['trailers']) => {
    trailers = each;
  });
  stream.end(body);
  const [answer] = (await once(stream, 'response')) as [Record<string, string>];
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  session.close();
  return {
    status: Number(answer[':status']),
    headers: answer,
    trailers,
    text: Buffer.concat(chunks).toString('latin1'),
  };
}
