/** Files, sockets and descriptors that are no connections: what Node, the registry, logs and the admin address have. */
const OWN_DESCRIPTORS = 64;

/** How many files and sockets this process may have open; infinite where the system does not say. */
export function openFileLimit(): number {
  // Interfaces and their names are not asked for: that may take seconds.
  (process.report as { excludeNetwork?: boolean }).excludeNetwork = true;
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
  const soft = Number(userLimits?.open_files?.soft);
  return Number.isFinite(soft) ? soft : Number.POSITIVE_INFINITY;
}

/** Most clients wait for something, or nothing, most of the time, and share the connections to the shards. */
const FOR_CLIENTS = 3 / 4;

/**
 * How many client connections so many descriptors have room for. The rest is left for connections to shards, of which HTTP/1.1
 * needs one for each request: without any the router would have clients, and no shard to send their requests to.
 */
export function clientConnectionsIn(openFiles: number): number {
  return Math.max(1, Math.floor((openFiles - OWN_DESCRIPTORS) * FOR_CLIENTS));
}
