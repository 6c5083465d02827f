import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type Reply, RespClient, textOf } from '../../../src/resp/index.ts';
import type { RespLogin } from '../../../src/resp/resp-client.ts';
import { freePorts, type Running, type Scope } from '../processes.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** A reference node that runs as a process of its own. */
export interface KvrocksProcess {
  /** What a topology calls it. */
  readonly id: string;
  readonly port: number;
  readonly address: string;
  /** What it knows and has is in there. */
  readonly folder: string;
  readonly password: string;
  readonly process: Running;
}

/** Starts nodes of no cluster, that are empty. @param password for their clients and each other; empty: none */
export async function startKvrocks(scope: Scope, count: number, password = ''): Promise<KvrocksProcess[]> {
  const ports = await freePorts(count);
  return Promise.all(
    ports.map((port) => {
      const id = randomBytes(20).toString('hex');
      return started(scope, { id, port, address: `127.0.0.1:${port}`, folder: scope.folder(), password });
    }),
  );
}

/** Starts a node again that has ended, with what it knew and had. */
export function restartKvrocks(scope: Scope, node: KvrocksProcess): Promise<KvrocksProcess> {
  return started(scope, node);
}

async function started(scope: Scope, node: Omit<KvrocksProcess, 'process'>): Promise<KvrocksProcess> {
  const { port, folder, password } = node;
  const process_ = scope.run(process.execPath, [MAIN, String(port), folder, password]);
  await process_.printed(/ready/);
  return { ...node, process: process_ };
}

/** Asks a node one thing. */
export async function askKvrocks({ port, password }: KvrocksProcess, ...words: string[]): Promise<Reply> {
  const login: RespLogin | null = password === '' ? null : { username: 'default', password };
  const client = await RespClient.connect({ target: { host: '127.0.0.1', port }, certificates: null }, login, 5000);
  try {
    return await client.ask(words);
  } finally {
    client.close();
  }
}

/** What a node answers, as text; an error stands behind a `-`. */
export async function said(node: KvrocksProcess, ...words: string[]): Promise<string> {
  const reply = await askKvrocks(node, ...words);
  if (reply.type === 'error') return `-${reply.text}`;
  if (reply.type === 'integer') return String(reply.value);
  return textOf(reply) ?? reply.type;
}

/** The line of a node for SETNODES. @param slots of a master */
export function lineOf({ id, port }: KvrocksProcess, of: string | KvrocksProcess): string {
  return `${id} 127.0.0.1 ${port} ${typeof of === 'string' ? `master - ${of}` : `slave ${of.id}`}`.trimEnd();
}

/** Tells nodes their topology, one line each. */
export async function tellNodes(
  nodes: readonly KvrocksProcess[],
  version: number,
  lines: readonly string[],
): Promise<void> {
  for (const node of nodes) {
    await said(node, 'CLUSTERX', 'SETNODEID', node.id);
    await said(node, 'CLUSTERX', 'SETNODES', lines.join('\n'), String(version));
  }
}
