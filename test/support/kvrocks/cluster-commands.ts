import { arrayReply, bulkReply, integerReply, OK, verbatimReply } from '../../../src/resp/index.ts';
import type { SlotRange } from '../../../src/topology/index.ts';
import { NODE_ID_LENGTH } from './cluster-nodes.ts';
import { KvrocksError } from './kvrocks-error.ts';
import type { KvrocksNode, Session } from './kvrocks-node.ts';
import { ImportState } from './slot-migration.ts';
import { contains, overlaps, parseRanges, slotOfKey, slotsIn } from './slots.ts';

const CLUSTER_USAGE = 'CLUSTER command, CLUSTER INFO|NODES|SLOTS|KEYSLOT|RESET|REPLICAS';
const CLUSTERX_USAGE = 'CLUSTERX command, CLUSTERX VERSION|MYID|SETNODEID|SETNODES|SETSLOT|MIGRATE';

/** CLUSTER, for everybody (cmd_cluster.cc). @throws KvrocksError */
export function cluster(node: KvrocksNode, session: Session, [word = '', ...args]: readonly string[]): Uint8Array {
  switch (`${word.toLowerCase()} ${args.length}`) {
    case 'info 0':
      node.state.checkInitialised();
      return verbatimReply(`${node.state.info()}${node.isMaster ? node.movesInfo() : ''}`, session.protocol);
    case 'nodes 0':
      node.state.checkInitialised();
      return verbatimReply(node.state.description(node.clock()), session.protocol);
    case 'slots 0':
      return slots(node);
    case 'keyslot 1':
      return integerReply(slotOfKey(args[0] ?? ''));
    case 'import 2':
      return imports(node, session, parseRanges(args[0] ?? '')[0], args[1] ?? '');
    case 'reset 0':
    case 'reset 1':
      node.reset();
      return OK;
    case 'replicas 1':
      return replicas(node, session, args[0] ?? '');
    default:
      throw new KvrocksError(CLUSTER_USAGE);
  }
}

function slots({ state }: KvrocksNode): Uint8Array {
  state.checkInitialised();
  const place = ({ host, port, id }: { readonly host: string; readonly port: number; readonly id: string }) =>
    arrayReply([bulkReply(host), integerReply(port), bulkReply(id)]);
  return arrayReply(
    state.runs().map(({ owner, range: [first, last] }) => {
      const following = [...state.nodes.values()].filter(({ masterId }) => masterId === owner.id);
      return arrayReply([integerReply(first), integerReply(last), place(owner), ...following.map(place)]);
    }),
  );
}

function replicas({ state, clock }: KvrocksNode, { protocol }: Session, id: string): Uint8Array {
  state.checkInitialised();
  const master = state.nodes.get(id);
  if (master === undefined) throw new KvrocksError('Invalid cluster node id');
  if (master.masterId !== null) throw new KvrocksError("The node isn't a master");
  const now = clock();
  const following = [...state.nodes.values()].filter(({ masterId }) => masterId === id);
  const lines = following.map(
    (each) =>
      `${each.id} ${each.host}:${each.port}@${each.port + 10000} slave ${id} ${now - 1} ${now} ${state.version} connected\n`,
  );
  return verbatimReply(lines.join(''), protocol);
}

/** CLUSTER IMPORT slots state: what the source says to the target. */
function imports(node: KvrocksNode, session: Session, range: SlotRange, wanted: string): Uint8Array {
  const { state, importer } = node;
  if (!/^[0-3]$/.test(wanted)) throw new KvrocksError('Invalid import state');
  if (!node.isMaster) throw new KvrocksError("Slave can't import slot");
  if (slotsIn(range).some((slot) => state.owners[slot]?.id === state.myId))
    throw new KvrocksError("Can't import slot which belongs to me");
  if (Number(wanted) === ImportState.start) {
    importer.start(range);
    session.isImporting = true;
    if (state.myself !== null) state.myself.importing = range;
    session.onClose = () => importer.onLinkLost(!node.isMaster);
    node.migrator.onImport(range);
  } else if (Number(wanted) === ImportState.success) {
    importer.success(range);
    for (const slot of slotsIn(range)) state.imported.add(slot);
  } else if (Number(wanted) === ImportState.failed) importer.fail(range);
  else throw new KvrocksError('Invalid import state');
  return OK;
}

/** CLUSTERX, for whoever leads the cluster. @throws KvrocksError */
export function clusterx(node: KvrocksNode, session: Session, [word = '', ...args]: readonly string[]): Uint8Array {
  const { state } = node;
  switch (word.toLowerCase()) {
    case 'version':
      if (args.length === 0) return bulkReply(String(state.version));
      break;
    case 'myid':
      if (args.length === 0) return bulkReply(state.myId);
      break;
    case 'setnodeid':
      if (args.length !== 1 || args[0]?.length !== NODE_ID_LENGTH) break;
      state.setNodeId(args[0]);
      node.keepTopology();
      return OK;
    case 'setnodes':
      if (args.length < 2) break;
      return setNodes(node, args);
    case 'setslot':
      if (args.length !== 4) break;
      return setSlot(node, args);
    case 'migrate':
      return migrate(node, session, args);
  }
  throw new KvrocksError(CLUSTERX_USAGE);
}

function versionIn(text: string, fault: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new KvrocksError(fault);
  return Number(text);
}

function setNodes(node: KvrocksNode, [lines = '', text = '', option, ...more]: readonly string[]): Uint8Array {
  const version = versionIn(text, 'Invalid version');
  const isForced = option?.toLowerCase() === 'force';
  if ((option !== undefined && !isForced) || more.length > 0) throw new KvrocksError('Invalid setnodes options');
  node.state.setNodes(lines, version, isForced);
  node.keepTopology();
  return OK;
}

function setSlot(node: KvrocksNode, [slots = '', word = '', id = '', text = '']: readonly string[]): Uint8Array {
  const ranges = parseRanges(slots);
  if (word.toLowerCase() !== 'node') throw new KvrocksError('Invalid setslot options');
  if (id.length !== NODE_ID_LENGTH) throw new KvrocksError('Invalid node id');
  const version = versionIn(text, 'value is not an integer or out of range');
  if (version < 0) throw new KvrocksError('Invalid version');
  node.state.setSlots(ranges, id, version);
  node.keepTopology();
  return OK;
}

/** MIGRATE slot|range id [async|sync [timeout]]: what is answered at once is that it has begun. */
function migrate(node: KvrocksNode, session: Session, args: readonly string[]): Uint8Array {
  const [slots = '', id = '', option = 'async', timeout] = args;
  if (args.length < 2 || args.length > 4) throw new KvrocksError('wrong number of arguments');
  const [range] = parseRanges(slots);
  const isSync = option.toLowerCase() === 'sync';
  if (!isSync && option.toLowerCase() !== 'async') throw new KvrocksError('Invalid sync flag');
  if (!isSync && timeout !== undefined) throw new KvrocksError('Async migration does not support timeout');
  if (timeout !== undefined && !/^-?\d{1,9}$/.test(timeout))
    throw new KvrocksError('timeout is not an integer or out of range');
  if (timeout?.startsWith('-') === true) throw new KvrocksError('timeout is negative');
  const ended = node.migrator.begin(range, destinationOf(node, range, id));
  if (!isSync) return OK;
  const waiting = timeout === undefined || Number(timeout) === 0 ? [] : [session.after(Number(timeout))];
  session.answerLater(
    Promise.race([
      ended.then((failure) => {
        if (failure !== null) throw new KvrocksError(failure);
        return OK;
      }),
      ...waiting,
    ]),
  );
  return new Uint8Array(0);
}

/** In the order in which Kvrocks looks at it (cluster.cc, MigrateSlotRange). */
function destinationOf(node: KvrocksNode, range: SlotRange, id: string) {
  const { state } = node;
  const to = state.nodes.get(id);
  if (to === undefined) throw new KvrocksError("Can't find the destination node id");
  const migrated = [...state.migrated.keys()];
  // All between the first and the last one, whether it was migrated or not.
  if (migrated.length > 0 && overlaps(range, [Math.min(...migrated), Math.max(...migrated)]))
    throw new KvrocksError("Can't migrate slot which has been migrated");
  if (slotsIn(range).some((slot) => state.owners[slot] === null || state.owners[slot] !== state.myself))
    throw new KvrocksError("Can't migrate slot which doesn't belong to me");
  if (!node.isMaster) throw new KvrocksError("Slave can't migrate slot");
  if (to.masterId !== null) throw new KvrocksError("Can't migrate slot to a slave");
  if (to === state.myself) throw new KvrocksError("Can't migrate slot to myself");
  return to;
}

/**
 * Whether a server carries a command for a slot out itself (cluster.cc, CanExecByMySelf).
 * @throws KvrocksError that says where, or why not
 */
export function checkServed(node: KvrocksNode, session: Session, keys: readonly string[], isWrite: boolean): void {
  const [slot, ...others] = keys.map(slotOfKey);
  if (slot === undefined) return;
  if (others.some((each) => each !== slot))
    throw new KvrocksError("Attempted to access keys that don't hash to the same slot", 'CROSSSLOT');
  const { state } = node;
  const { myself } = state;
  const owner = state.owners[slot] ?? null;
  if (owner === null) throw new KvrocksError('Hash slot not served', 'CLUSTERDOWN');
  if (owner === myself) {
    const address = state.migrated.get(slot);
    if (address !== undefined) throw new KvrocksError(`${slot} ${address}`, 'MOVED');
    if (isWrite && node.migrator.forbidden !== null && contains(node.migrator.forbidden, slot))
      throw new KvrocksError("Can't write to slot being migrated which is in write forbidden phase", 'TRYAGAIN');
    return;
  }
  const isComing = myself?.importing != null && contains(myself.importing, slot);
  if (isComing && (session.isImporting || session.isAsking)) return;
  if (myself !== null && state.imported.has(slot)) return;
  if (!isWrite && session.isReadOnly && myself?.masterId != null && myself.masterId === owner.id) return;
  throw new KvrocksError(`${slot} ${owner.host}:${owner.port}`, 'MOVED');
}
