#!/usr/bin/env node
// Documents over HTTP, in a SQLite file that all shards share: a backend that takes part in handoffs by itself, through keyway/node.
//
//     PUT    /docs/KEY          write a document
//     GET    /docs/KEY          read it
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { takePart } from 'keyway/node';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string' },
    registry: { type: 'string' },
    shard: { type: 'string' },
    data: { type: 'string', default: 'docs.sqlite' },
    log: { type: 'string' },
    work: { type: 'string', default: '0' },
  },
});

const database = new DatabaseSync(options.data, { timeout: 10_000 });
database.exec(`PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS documents (key TEXT PRIMARY KEY, value TEXT, token INTEGER NOT NULL)`);
// A later owner's token stays: what an earlier one writes too late changes no row.
const claim = database.prepare(`INSERT INTO documents VALUES (:key, '', :token)
  ON CONFLICT (key) DO UPDATE SET token = :token WHERE token <= :token RETURNING value`);
const write = database.prepare('UPDATE documents SET value = :value WHERE key = :key AND token <= :token');

/** What is in memory: only keys that are this shard's own. */
const documents = new Map();
/** Requests under way, with their keys. */
const underWay = new Map();

const shard = takePart({
  registry: options.registry,
  cluster: 'docs',
  shard: options.shard,
  address: `127.0.0.1:${options.port}`,
  onKeysLeave: async (serves) => {
    await Promise.all([...underWay].filter(([, key]) => !serves(key)).map(([work]) => work.catch(() => {})));
    for (const key of documents.keys()) if (!serves(key)) documents.delete(key);
  },
});

class Refused extends Error {
  constructor(status, message, stale = 0) {
    super(message);
    Object.assign(this, { status, stale });
  }
}

/** Carries a request out. The token is the one with which it began. */
async function carryOut(key, value, token) {
  const begun = Date.now() / 1000;
  await pause(Number(options.work));
  if (!documents.has(key)) {
    const row = claim.get({ key, token });
    if (row === undefined) throw new Refused(503, 'another shard has the key by now');
    documents.set(key, row.value);
  }
  if (!shard.holds) throw new Refused(503, 'this shard may not serve now');
  if (value !== null) {
    if (write.run({ key, value, token }).changes === 0) throw new Refused(503, 'another shard has the key by now');
    documents.set(key, value);
  }
  log({ key, operation: value === null ? 'get' : 'put', begun, ended: Date.now() / 1000, value: documents.get(key) });
  return documents.get(key);
}

/** What was served, and when, for whoever wants to check it. */
function log(line) {
  if (options.log !== undefined) appendFileSync(options.log, `${JSON.stringify(line)}\n`);
}

async function answer(request) {
  // By which the router has routed it.
  const named = request.headers['x-keyway-key'];
  const key = named === undefined ? request.headers['x-shard-key'] : decodeURIComponent(named);
  const { pathname } = new URL(request.url, 'http://shard');
  if (key === undefined || decodeURIComponent(pathname) !== `/docs/${key}`)
    throw new Refused(400, 'there is /docs/KEY, where KEY is the shard key');
  const content = await Array.fromAsync(request);
  const value = request.method === 'PUT' ? Buffer.concat(content).toString() : null;
  const verdict = await shard.admit(key, Number(request.headers['x-keyway-version'] ?? 0));
  if (verdict.kind === 'stale') throw new Refused(421, "the key is another shard's", verdict.version);
  if (verdict.kind === 'unknown') throw new Refused(503, verdict.reason);
  // In the same turn as the verdict: nothing can leave between them.
  const work = carryOut(key, value, shard.token);
  underWay.set(work, key);
  try {
    const stored = await work;
    return value === null ? stored : 'written\n';
  } finally {
    underWay.delete(work);
  }
}

const server = createServer(async (request, response) => {
  try {
    response.end(await answer(request));
  } catch (error) {
    const { status = 500, stale = 0, message } = error;
    response.writeHead(status, stale > 0 ? { 'x-keyway-stale': stale } : {}).end(`${message}\n`);
  }
}).listen(Number(options.port), '127.0.0.1');

await shard.ready;
console.log('the node is registered');
process.once('SIGTERM', async () => {
  await shard.leave();
  server.close();
  server.closeAllConnections();
});
