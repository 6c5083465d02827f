import type { DataLog } from './data-log.ts';
import type { Feeder, MasterLink } from './replication.ts';

/**
 * INFO, as far as it is about the server and its replication (server.cc, GetReplicationInfo).
 * @param link null: it is a master
 * @param nowMs since 1970
 */
export function infoOf(
  { sequence }: DataLog,
  link: MasterLink | null,
  feeders: ReadonlySet<Feeder>,
  section: string,
  nowMs: number,
): string {
  const server = ['# Server', 'redis_version:4.0.0', 'kvrocks_version:2.10.0', `process_id:${process.pid}`];
  const replication = ['# Replication', `role:${link === null ? 'master' : 'slave'}`];
  if (link !== null)
    replication.push(
      `master_host:${link.host}`,
      `master_port:${link.port}`,
      `master_link_status:${link.state === 'connected' ? 'up' : 'down'}`,
      'master_sync_unrecoverable_error:no',
      `master_sync_in_progress:${link.state === 'syncing' ? 1 : 0}`,
      // Before anything has come it counts from 1970.
      `master_last_io_seconds_ago:${Math.floor((nowMs - link.lastIoMs) / 1000)}`,
      `slave_repl_offset:${sequence}`,
      'slave_priority:100',
    );
  replication.push(`connected_slaves:${feeders.size}`);
  for (const [i, { address, sequence: fed }] of [...feeders].entries())
    replication.push(`slave${i}:ip=${address},offset=${fed},lag=${sequence - fed}`);
  replication.push(`master_repl_offset:${sequence}`);
  const parts = [...(section === 'replication' ? [] : [server]), ...(section === 'server' ? [] : [replication])];
  return parts.map((lines) => lines.map((line) => `${line}\r\n`).join('')).join('\r\n');
}
