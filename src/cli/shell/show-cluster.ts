import { z } from 'zod';
import { listing } from '../output/table.ts';
import { enteredCluster } from './cluster-words.ts';
import { ShellFault } from './shell-fault.ts';
import type { Word } from './word.ts';

const status = z.object({
  shard: z.int(),
  id: z.string(),
  addr: z.string(),
  role: z.string(),
  status: z.string(),
  git_sha1: z.string(),
  epoch: z.string(),
  connected: z.string(),
  replication_offset: z.string(),
  clients: z.string(),
  operations_per_second: z.string(),
  memory: z.string(),
  disk: z.string(),
  input_kbps: z.string(),
  output_kbps: z.string(),
});
type Row = z.output<typeof status> & { readonly slots: string };

const or = (text: string): string => (text === '' ? '-' : text);

const COLUMNS = {
  ID: ({ shard }: Row) => shard,
  Status: (row: Row) => row.status,
  Role: ({ role }: Row) => role,
  NodeId: ({ id }: Row) => id.slice(0, 8),
  GitSha1: (row: Row) => or(row.git_sha1),
  Addr: ({ addr }: Row) => addr,
  Slots: ({ slots }: Row) => or(slots),
  Epoch: ({ epoch }: Row) => or(epoch),
  Connected: ({ connected }: Row) => or(connected),
  Repl: (row: Row) => or(row.replication_offset),
  Clients: ({ clients }: Row) => or(clients),
  OPS: (row: Row) => or(row.operations_per_second),
  Mem: ({ memory }: Row) => or(memory),
  Disk: ({ disk }: Row) => or(disk),
  NetIn: (row: Row) => or(row.input_kbps),
  NetOut: (row: Row) => or(row.output_kbps),
};

export const showCluster: Word = {
  name: 'showcluster',
  usage: '',
  summary: 'shows the nodes of the cluster that was entered, and what each says of itself',
  flags: { values: [], switches: [], plain: 0 },
  run: async (context) => {
    const { path, shards } = await enteredCluster(context, 'showcluster');
    const { nodes } = await context.client.ask(z.object({ nodes: z.array(status) }), 'GET', `${path}/status`);
    if (nodes.length === 0) throw new ShellFault('it has no nodes');
    const rows = nodes.map((each) => ({ ...each, slots: (shards[each.shard]?.slot_ranges ?? []).join(',') }));
    return listing(rows, COLUMNS, false);
  },
};
