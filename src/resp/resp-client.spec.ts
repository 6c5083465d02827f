import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { SocketTarget } from '../io/index.ts';
import { RespClient, RespClientError } from './resp-client.ts';

const ends: Array<() => void> = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const LIMIT_MS = 10_000;

/** A server that answers whatever it receives in one piece with this text. */
async function serverWith(answer: (asked: string) => string): Promise<SocketTarget> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => socket.write(answer(bytes.toString())));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  ends.push(() => server.close());
  return { target: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, certificates: null };
}

it.each([
  ['nested deeper than any answer is', `${'*1\r\n'.repeat(200)}:1\r\n`],
  ['no number where one has to be', ':x\r\n'],
])('takes an answer with %s for no answer, and lives on', async (_, answer) => {
  const client = await RespClient.connect(await serverWith(() => answer), null, LIMIT_MS);
  await expect(client.ask(['CLUSTER', 'NODES'])).rejects.toThrow(RespClientError);
  expect(client.isClosed).toBe(true);
});

it('says of a refused login nothing that a server repeats of it', async () => {
  const place = await serverWith(
    (asked) => `-ERR unknown command 'AUTH', with args beginning with: ${asked.replaceAll(/\r\n/g, ' ')}\r\n`,
  );
  const refused = await RespClient.connect(place, { username: 'default', password: 'hunter2' }, LIMIT_MS).catch(
    (error: Error) => error.message,
  );
  expect(refused).toBe('the server refuses the login: ERR');
});

it('logs the default user in by the password alone, as servers before users take it', async () => {
  const seen: string[] = [];
  const place = await serverWith((asked) => {
    seen.push(asked);
    return '+OK\r\n';
  });
  const client = await RespClient.connect(place, { username: 'default', password: 'hunter2' }, LIMIT_MS);
  client.close();
  expect(seen).toEqual(['*2\r\n$4\r\nAUTH\r\n$7\r\nhunter2\r\n']);
});
