import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** One request over HTTP/1.1; a connection that is lost gives status 0. */
export async function ask(
  address: string,
  method: string,
  path: string,
  headers: object = {},
  body = '',
): Promise<Reply> {
  const [host, port] = address.split(':');
  const sent = httpRequest({ host, port, method, path, headers: { ...headers }, agent: false });
  sent.end(body);
  try {
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const part of response) text += String(part);
    return { status: response.statusCode ?? 0, headers: response.headers, text };
  } catch (error) {
    return { status: 0, headers: {}, text: String(error) };
  }
}
