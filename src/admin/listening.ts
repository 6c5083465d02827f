import type { Server } from 'node:http';

/** Where a server listens: at an address (port 0: the system chooses one), or on a socket that listens already, by its descriptor. */
export type ListenAt = { readonly host: string; readonly port: number } | { readonly fd: number };

/** Resolves once a server listens. @returns the port */
export function listening(server: Server, where: ListenAt): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...where }, () => {
      // A connection that could not be accepted, for want of a descriptor say, is no reason to end.
      server.off('error', reject).on('error', () => {});
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
    });
  });
}
