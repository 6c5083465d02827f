import { field, HeaderBlock, type Stream, type StreamHandler } from '../../src/http2/index.ts';
import { loadContext, openConnection, quietHandler } from './load.ts';

const CONNECTIONS = 10;

/** Opens requests that nobody answers; `measure` is called before, and once all are open. @returns the streams opened */
export async function withIdleStreams(port: number, count: number, measure: (phase: 'before' | 'open') => void) {
  const context = loadContext();
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => openConnection(port, context, quietHandler)),
  );
  let lost = 0;
  const handler: StreamHandler = {
    onHeaders() {},
    onTrailers() {},
    onData() {},
    onReset() {
      lost++;
    },
    onCredit() {},
  };
  const block = new HeaderBlock();
  const open = (i: number): Stream => {
    block.set([
      field(':method', 'POST'),
      field(':scheme', 'http'),
      field(':path', '/hang'),
      field(':authority', 'bench'),
      field('content-type', 'application/grpc'),
      field('te', 'trailers'),
      field('x-shard-key', `project/document-${i}`),
    ]);
    const connection = connections[i % CONNECTIONS];
    if (connection === undefined) throw new Error('no connection');
    return connection.request(block, true, handler);
  };
  // The connections' own memory is not the streams': one request on each first.
  for (let i = 0; i < CONNECTIONS; i++) open(i);
  await settle();
  measure('before');
  for (let i = 0; i < count; i++) {
    open(i);
    if (i % 1000 === 999) await settle();
  }
  await settle();
  measure('open');
  const opened = count - lost;
  for (const connection of connections) connection.destroy();
  return opened;
}

/** Long enough for a proxy to have taken in what was sent, and for a garbage collector to have come by. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 300));
}
