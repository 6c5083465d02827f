import { z } from 'zod';
import { countSlots, slotsOfRanges } from '../../controller/index.ts';
import { SLOT_COUNT } from '../../placement/index.ts';
import { dividedSlots, formatSlotRanges, parseSlotRanges, type SlotRange } from '../../topology/index.ts';
import { listing } from '../output/table.ts';
import { arrangedNodes } from './arrange-nodes.ts';
import type { Typed } from './line.ts';
import { ShellFault } from './shell-fault.ts';
import { EXECUTE, NOT_DONE, type ShellContext, type Word } from './word.ts';

const node = z.object({ id: z.string(), addr: z.string(), role: z.string() });
const cluster = z.object({
  name: z.string(),
  shards: z.array(z.object({ nodes: z.array(node), slot_ranges: z.array(z.string()).nullable() })),
});
type ShownCluster = z.output<typeof cluster>;

/** The cluster that was entered, as its controller shows it. @throws ShellFault where none was */
export async function enteredCluster(
  context: ShellContext,
  word: string,
): Promise<{ readonly path: string } & ShownCluster> {
  const { namespace, cluster: name } = context.place;
  if (namespace === null || name === null) throw new ShellFault(`${word} is about a cluster: enter one with cd`);
  const path = `/namespaces/${encodeURIComponent(namespace)}/clusters/${encodeURIComponent(name)}`;
  const found = await context.client.ask(z.object({ cluster }), 'GET', path);
  return { path, ...found.cluster };
}

const makeCluster: Word = {
  name: 'mkcl',
  usage: '-cn NAME -s SHARDS -n ADDRESS,…|-c FILE [-d]',
  summary: 'makes a cluster of empty nodes in the namespace that was entered; FILE has an address a line',
  flags: { values: ['-cn', '-s', '-n', '-c'], switches: ['-d', EXECUTE], plain: 0 },
  run: async ({ client, place, readFile }, typed) => {
    if (place.namespace === null || place.cluster !== null)
      throw new ShellFault('mkcl is about a namespace: enter one with cd');
    const name = typed.value('-cn');
    if (name === null) throw new ShellFault('-cn is missing: the name of the cluster');
    const count = numberIn(typed, '-s') ?? 1;
    const addresses = addressesIn(typed, readFile);
    if (count < 1 || addresses.length % count !== 0)
      throw new ShellFault(`${addresses.length} nodes do not make ${count} shards of as many nodes each`);
    const shards = arrangedNodes(addresses, count);
    const slots = dividedSlots([[0, SLOT_COUNT - 1]], count);
    const rows = shards.flatMap((nodes, i) =>
      nodes.map((addr, at) => ({ id: i, role: at === 0 ? 'master' : 'slave', addr, slots: slotsText(slots[i] ?? []) })),
    );
    const columns = {
      ID: ({ id }: (typeof rows)[number]) => id,
      Role: ({ role }: (typeof rows)[number]) => role,
      Addr: ({ addr }: (typeof rows)[number]) => addr,
      Slots: ({ slots: text }: (typeof rows)[number]) => text,
    };
    const plan = listing(rows, columns, false);
    if (!typed.has('-d') && !typed.has(EXECUTE))
      return `${plan}nothing was done; add -d, or ${EXECUTE}, to carry it out\n`;
    const body = { name, nodes: shards.flat(), replicas: addresses.length / count };
    await client.ask(z.unknown(), 'POST', `/namespaces/${encodeURIComponent(place.namespace)}/clusters`, body);
    return `${plan}the cluster ${name} is made\n`;
  },
};

function addressesIn(typed: Typed, readFile: ShellContext['readFile']): string[] {
  const [nodes, file] = [typed.value('-n'), typed.value('-c')];
  if ((nodes === null) === (file === null)) throw new ShellFault('give the nodes by one of -n and -c');
  const words = (nodes ?? readFile(file as string)).split(/[\s,]+/).filter((each) => each !== '');
  if (words.length === 0) throw new ShellFault('no node is named');
  if (new Set(words).size !== words.length) throw new ShellFault('a node is named twice');
  return words;
}

function numberIn(typed: Typed, flag: string): number | null {
  const text = typed.value(flag);
  if (text === null) return null;
  if (!/^\d{1,5}$/.test(text)) throw new ShellFault(`${flag} needs a number`);
  return Number(text);
}

function slotsText(ranges: readonly SlotRange[]): string {
  return formatSlotRanges(ranges).replaceAll(' ', ',');
}

/** Both words that move slots. @param isOnly without the keys */
function migrating(name: string, isOnly: boolean, summary: string): Word {
  return {
    name,
    usage: '-s SOURCE -t TARGET -S SLOTS [-e]',
    summary,
    flags: { values: ['-s', '-t', '-S'], switches: [EXECUTE], plain: 0 },
    run: async (context, typed) => {
      const { path, shards } = await enteredCluster(context, name);
      const [source, target] = [shardIn(typed, '-s', shards.length), shardIn(typed, '-t', shards.length)];
      const slots = parseSlotRanges(typed.value('-S') ?? '');
      if (typeof slots === 'string') throw new ShellFault(slots);
      if (slots.length === 0) throw new ShellFault('-S is missing: slots such as 0-4095,8192');
      const own = parseSlotRanges((shards[source]?.slot_ranges ?? []).join(' '));
      const has = new Set(typeof own === 'string' ? [] : slotsOfRanges(own));
      const other = slotsOfRanges(slots).find((slot) => !has.has(slot));
      if (other !== undefined) throw new ShellFault(`slot ${other} is not in shard ${source}`);
      const plan = `shard ${source} -> shard ${target}: ${countSlots(slots)} slots, ${slotsText(slots)}${isOnly ? ', without keys' : ''}\n`;
      if (!typed.has(EXECUTE)) return `${plan}${NOT_DONE}`;
      const body = { target, slot: slotsText(slots), slot_only: isOnly };
      await context.client.ask(z.unknown(), 'POST', `${path}/migrate`, body);
      return `${plan}queued; keyway redis migrations shows how far it is\n`;
    },
  };
}

function shardIn(typed: Typed, flag: string, count: number): number {
  const shard = numberIn(typed, flag);
  if (shard === null) throw new ShellFault(`${flag} is missing: the number of a shard`);
  if (shard >= count) throw new ShellFault(`there is no shard ${shard}; there are 0 to ${count - 1}`);
  return shard;
}

const failOver: Word = {
  name: 'failover',
  usage: '-s SHARD [-n NODE] [-e]',
  summary: 'has a slave take over from the master of a shard; NODE is an address, or an id or how it begins',
  flags: { values: ['-s', '-n'], switches: [EXECUTE], plain: 0 },
  run: async (context, typed) => {
    const { path, shards } = await enteredCluster(context, 'failover');
    const shard = shardIn(typed, '-s', shards.length);
    const nodes = shards[shard]?.nodes ?? [];
    const wanted = typed.value('-n');
    const found = wanted === null ? [] : nodes.filter(({ id, addr }) => addr === wanted || id.startsWith(wanted));
    if (wanted !== null && found.length !== 1) throw new ShellFault(`shard ${shard} has no node ${wanted}, or several`);
    const master = nodes.find(({ role }) => role === 'master')?.addr ?? '-';
    const plan = `shard ${shard}: ${found[0]?.addr ?? 'the slave with most of the data'} takes over from ${master}\n`;
    if (!typed.has(EXECUTE)) return `${plan}${NOT_DONE}`;
    const preferred = found[0] === undefined ? {} : { preferred_node_id: found[0].id };
    const done = z.object({ new_master_id: z.string() });
    const { new_master_id: id } = await context.client.ask(done, 'POST', `${path}/shards/${shard}/failover`, preferred);
    return `${nodes.find((each) => each.id === id)?.addr ?? id} is the master of shard ${shard}\n`;
  },
};

export const clusterWords: readonly Word[] = [
  makeCluster,
  migrating('migdata', false, 'moves slots with their keys from one shard to another'),
  migrating('migslot', true, 'moves slots that have no keys; one that has some is refused'),
  failOver,
];
