import type { Server } from 'node:http';

/** Resolves once a server listens. @param port 0: the system chooses. @returns the port */
export function listening(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      // A connection that could not be accepted, for want of a descriptor say, is no reason to end.
      server.off('error', reject).on('error', () => {});
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });
}
