import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, Server as HttpServer, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerResponse } from 'node:http2';
import { createConnection, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { fileFault, plainText } from './foreign-errors.ts';

async function errorOf(emitter: NodeJS.EventEmitter): Promise<Error> {
  const [error] = (await once(emitter, 'error')) as [Error];
  return error;
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

it("says in its own words what Node's errors are about", async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  expect(plainText(await errorOf(createServer().listen(port, '127.0.0.1')))).toBe(
    `127.0.0.1:${port} is in use by another process`,
  );
  await new Promise((resolve) => server.close(resolve));
  expect(plainText(await errorOf(createConnection(port, '127.0.0.1')))).toBe(
    `127.0.0.1:${port} does not answer: nothing listens there`,
  );
  const closing = createServer((socket) => socket.once('data', () => socket.end())).listen(0, '127.0.0.1');
  await once(closing, 'listening');
  const there = { host: '127.0.0.1', port: (closing.address() as { port: number }).port };
  expect(plainText(await errorOf(connectTls(there)))).toBe(`127.0.0.1:${there.port} has closed the connection`);
  await new Promise((resolve) => closing.close(resolve));
  expect(plainText(await errorOf(spawn('/nowhere/at-all')))).toBe('/nowhere/at-all: there is no such command');
  const missing = thrownBy(() => readFileSync('/nowhere.yaml'));
  expect(plainText(missing)).toBe('/nowhere.yaml: there is no such file');
  expect(fileFault(missing)).toBe('there is no such file');
  expect(fileFault(thrownBy(() => readFileSync('/')))).toBe('is a folder, not a file');
});

it('says what gRPC hands on of them, and leaves other texts as they are', () => {
  const refused =
    'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:9200. Resolution note: ';
  expect(plainText(new Error(refused))).toBe('127.0.0.1:9200 does not answer: nothing listens there');
  // As details of a status.
  expect(plainText(refused)).toBe('127.0.0.1:9200 does not answer: nothing listens there');
  expect(plainText('Deadline exceeded after 10.016s,name resolution: 0.340s,Waiting for LB pick')).toBe(
    'there was no answer within 10 s',
  );
  expect(plainText(new Error(refused.replace('127.0.0.1', '[::1]')))).toContain('[::1]:9200 does not answer');
  expect(plainText(new Error(refused.replace('127.0.0.1', '::1')))).toContain('[::1]:9200 does not answer');
  expect(plainText(new Error('Name resolution failed for target dns:nowhere.invalid:99'))).toBe(
    'there is no host nowhere.invalid in DNS',
  );
  expect(
    plainText(new Error('No connection established. Last error: self-signed certificate. Resolution note: ')),
  ).toBe('self-signed certificate');
  expect(plainText('The server does not implement the method /keyway.shard.v1.Documents/Get')).toContain(
    'this service',
  );
  expect(plainText(new Error('document demo/x is at revision 2'))).toBe('document demo/x is at revision 2');
});

/** What gRPC's client says of the registry at a port, and of the service behind it. */
async function saidOf(port: number, channel = credentials.createInsecure()): Promise<string> {
  const client = new Client(`localhost:${port}`, channel);
  const bytes = (): Buffer => Buffer.alloc(0);
  const { details } = await new Promise<ServiceError>((resolve) =>
    client.makeUnaryRequest('/a.B/C', bytes, bytes, {}, (error) => resolve(error as ServiceError)),
  );
  client.close();
  return plainText(new Error(details));
}

it('says what answers in place of a registry, a router or a shard', async () => {
  const page = '<html>this is a page of somebody else</html>';
  const answers = (status: number) => (_: object, response: ServerResponse | Http2ServerResponse) => {
    response.statusCode = status;
    response.setHeader('content-type', 'text/html');
    response.end(page);
  };
  const closing = createServer((socket) => socket.on('error', () => {}).once('data', () => socket.destroy()));
  const servers = {
    'what listens there does not speak HTTP/2, which gRPC needs': createHttpServer(answers(200)),
    'what answers there does not speak gRPC': createHttp2Server(answers(200)),
    'what answers there does not speak gRPC: HTTP status 404': createHttp2Server(answers(404)),
    'what listens there closes the connection: it may need TLS, or speak another protocol': closing,
  };
  for (const [meaning, server] of Object.entries(servers)) {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as { port: number };
    expect(await saidOf(port)).toBe(meaning);
    if (server instanceof HttpServer)
      expect(await saidOf(port, credentials.createSsl())).toBe('what listens there does not speak TLS');
    server.close();
  }
});
