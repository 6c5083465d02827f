/**
 * Nodes of Redis clusters, as far as a controller asks them, all in one process: each is an address of its own in 127.0.0.0/8. Every second one
 * follows the one before it.
 *
 *   node bench/support/led-nodes.ts PORT CLUSTERS NODES
 *
 * A line `kill ADDRESS` on its standard input has a node answer nothing any more. It prints `took over ADDRESS` when a node is told to.
 */
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { arrayReply, bulkReply, type Command, OK, QUEUED, REDIS_LIMITS, RequestReader } from '../../src/resp/index.ts';
import { formatSlotRanges, type SlotRange } from '../../src/topology/index.ts';

const SLOTS = 16_384;

/** A node, by its cluster and its number in it. */
export interface LedNode {
  readonly id: string;
  readonly host: string;
  /** Of a replica: the number of its primary. */
  readonly follows: number | null;
  readonly slots: readonly SlotRange[];
}

/** The nodes of a cluster. */
export function ledNodes(cluster: number, count: number): LedNode[] {
  const shards = count / 2;
  return Array.from({ length: count }, (_, i): LedNode => {
    const shard = Math.floor(i / 2);
    const first = Math.floor((shard * SLOTS) / shards);
    return {
      id: (cluster * 10_000 + i).toString(16).padStart(40, '0'),
      host: `127.${1 + cluster}.${Math.floor(i / 250)}.${1 + (i % 250)}`,
      follows: i % 2 === 0 ? null : i - 1,
      slots: i % 2 === 0 ? [[first, Math.floor(((shard + 1) * SLOTS) / shards) - 1]] : [],
    };
  });
}

/** Answers for one node, which may take over. */
class Answers {
  readonly #all: readonly LedNode[];
  readonly #own: LedNode;
  readonly #port: number;
  isDead = false;
  #hasTakenOver = false;

  constructor(all: readonly LedNode[], own: LedNode, port: number) {
    this.#all = all;
    this.#own = own;
    this.#port = port;
  }

  get #isPrimary(): boolean {
    return this.#hasTakenOver || this.#own.follows === null;
  }

  to(words: readonly string[]): Uint8Array {
    switch (`${words[0]} ${words[1]}`) {
      case 'INFO replication':
        return bulkReply(
          this.#isPrimary
            ? 'role:master\r\nmaster_repl_offset:1000\r\n'
            : 'role:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:9\r\nmaster_sync_in_progress:0\r\nslave_repl_offset:1000\r\n',
        );
      case 'CLUSTER INFO': {
        const epoch = this.#hasTakenOver ? 2 : 1;
        return bulkReply(
          `cluster_state:ok\r\ncluster_slots_assigned:${SLOTS}\r\ncluster_known_nodes:${this.#all.length}\r\ncluster_current_epoch:${epoch}\r\ncluster_my_epoch:${epoch}\r\n`,
        );
      }
      case 'CLUSTER MYID':
        return bulkReply(this.#own.id);
      case 'CLUSTER NODES':
        return bulkReply(this.#all.map((node) => this.#lineOf(node)).join(''));
      case 'CLUSTER FAILOVER':
        this.#hasTakenOver = true;
        process.stdout.write(`took over ${this.#own.host}\n`);
        return QUEUED;
      default:
        return words[0] === 'EXEC' ? arrayReply([OK]) : OK;
    }
  }

  #lineOf(node: LedNode): string {
    const isOwn = node === this.#own;
    const primary = node.follows === null ? null : (this.#all[node.follows] as LedNode);
    const hasTakenOver = isOwn && this.#hasTakenOver;
    const role = primary === null || hasTakenOver ? 'master' : 'slave';
    const slots = hasTakenOver ? (primary?.slots ?? []) : node.slots;
    const follows = hasTakenOver ? '-' : (primary?.id ?? '-');
    return `${node.id} ${node.host}:${this.#port}@1 ${isOwn ? 'myself,' : ''}${role} ${follows} 0 0 ${hasTakenOver ? 2 : 1} connected ${formatSlotRanges(slots)}\n`;
  }
}

function wordsOf(command: Command): string[] {
  return Array.from({ length: command.count }, (_, i) => command.text(i));
}

function serve(port: number, clusters: number, count: number): void {
  const answers = new Map<string, Answers>();
  for (let cluster = 0; cluster < clusters; cluster++) {
    const all = ledNodes(cluster, count);
    for (const node of all) answers.set(node.host, new Answers(all, node, port));
  }
  const server = createServer((socket: Socket) => {
    const node = answers.get(socket.localAddress ?? '');
    const reader = new RequestReader(
      {
        onCommand: (command) => {
          if (node?.isDead === false) socket.write(node.to(wordsOf(command)));
        },
        onLargeCommand: () => 'collect',
        onContent: () => {},
        onTooLarge: () => socket.destroy(),
        onFault: () => socket.destroy(),
      },
      REDIS_LIMITS,
    );
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => reader.receive(bytes, 0, bytes.length));
  });
  server.listen({ port, host: '0.0.0.0', backlog: 4096 }, () => process.stdout.write('listening\n'));
  createInterface({ input: process.stdin }).on('line', (line) => {
    const node = answers.get(line.slice('kill '.length));
    if (node !== undefined) node.isDead = true;
  });
}

const [port, clusters, count] = process.argv.slice(2).map(Number);
if (import.meta.main) serve(port as number, clusters as number, count as number);
