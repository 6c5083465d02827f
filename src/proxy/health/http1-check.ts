import { Pool } from 'undici';
import { type SocketTarget, undiciConnector } from '../../io/index.ts';

/** The status of an answer to GET by HTTP/1.1. @throws an Error that says what is wrong */
export async function http1Status(endpoint: SocketTarget, path: string, timeoutMs: number): Promise<number> {
  // A connection of its own each time: one that is kept would say nothing of new ones.
  const pool = new Pool('http://shard', {
    connections: 1,
    connect: undiciConnector(endpoint, timeoutMs),
  });
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const { statusCode } = await pool.request({ path, method: 'GET', signal });
    return statusCode;
  } finally {
    pool.destroy().catch(() => {});
  }
}
