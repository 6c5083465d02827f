import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { TestAuthority } from '../../test/support/certificates.ts';
import { eventually } from '../../test/support/cluster.ts';
import { Scope } from '../../test/support/processes.ts';
import { ConnectionPlaces } from './connection-places.ts';
import { Listener, type ListenerDescription } from './listener.ts';

const scope = new Scope();
afterEach(() => scope.release());

const PLACES = 3;
/** Longer than a busy machine keeps the process from taking clients that have come together. */
const SILENT_MS = 1500;

/** A listener with a few places, and what it has reported. */
async function listen(more: Partial<ListenerDescription>) {
  const places = new ConnectionPlaces(PLACES, null);
  const counts = { accepted: 0, failed: 0, refused: 0 };
  const owner = {
    alpn: ['h2', 'http/1.1'],
    places,
    onAccepted: () => {
      counts.accepted++;
      return () => {};
    },
    onHandshakeFailed: () => counts.failed++,
    onNoPlace: () => counts.refused++,
  };
  const listener = new Listener({ host: '127.0.0.1', port: 0, ...more }, owner, SILENT_MS);
  scope.defer(() => listener.close());
  const port = await listener.listen(0, false);
  const client = (): Socket => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    scope.defer(() => socket.destroy());
    socket.resume();
    return socket;
  };
  return { counts, client };
}

const secure = (): Partial<ListenerDescription> => ({
  tls: { certificates: [new TestAuthority(scope.folder()).issue('DNS:localhost')], minimumVersion: 'TLSv1.2' },
});

it.each([
  ['TLS', secure],
  ['a PROXY header', () => ({ proxyProtocol: true })],
  ['TLS behind a PROXY header', () => ({ ...secure(), proxyProtocol: true })],
])('closes clients that say nothing where %s has to come, and counts them from their first moment', async (_, more) => {
  const { counts, client } = await listen(more());
  const silent = Array.from({ length: PLACES + 2 }, client);
  const closed = silent.map((socket) => once(socket, 'close'));
  await eventually(() => counts.refused === 2);
  await Promise.all(closed);
  expect(counts).toEqual({ accepted: 0, failed: PLACES, refused: 2 });
  // Their places are free again.
  client();
  await eventually(() => counts.failed === PLACES + 1);
  expect(counts.refused).toBe(2);
});

it('has places for as many clients as it may, and for others once they have gone', async () => {
  const { counts, client } = await listen({});
  const [first] = Array.from({ length: PLACES }, client);
  await eventually(() => counts.accepted === PLACES);
  client();
  await eventually(() => counts.refused === 1);
  first?.destroy();
  await eventually(() => {
    client();
    return counts.accepted > PLACES;
  });
});
