/**
 * `npm run bench:editing`: what people notice who edit documents together, while a shard joins and leaves. Clients speak Connect over HTTP/1.1, as
 * Yorkie's do, to servers that keep documents, and who watches them, in memory, behind sidecars.
 *
 *   node bench/editing.ts [--documents 20] [--users 5] [--changes 4] [--routers 2] [--keyway ../earlier/src/cli/keyway.js]
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { EditedDocuments, type EditedSetup } from '../test/sidecar/yorkie/edited-documents.ts';
import { Scope } from '../test/support/processes.ts';
import { lostEdits, type Moved, missedOthersMs, type Sight, sightsOf } from './support/noticed.ts';

const { values } = parseArgs({
  options: {
    documents: { type: 'string', default: '20' },
    /** Of each document. */
    users: { type: 'string', default: '5' },
    /** A shard joins, leaves, joins … */
    changes: { type: 'string', default: '4' },
    routers: { type: 'string', default: '2' },
    /** Each user's between two edits, in milliseconds. */
    pause: { type: 'string', default: '500' },
    /** The command of the routers: that of another checkout, or this one's. */
    keyway: { type: 'string' },
  },
});
const [documents, users, changes, routers] = [values.documents, values.users, values.changes, values.routers].map(
  Number,
) as [number, number, number, number];
const SHARDS = 4;
/** More than a window of the default length, and time to come back. */
const OBSERVED_MS = 7000;
/** What is seen later is late. */
const LATE_MS = 1000;
/** Yorkie's SDK waits for so long until it watches again. */
const SDK_MS = 1000;

/** How often it is looked whether the bench itself stands still. */
const TURN_MS = 20;

type Way = Pick<EditedSetup, 'onMove' | 'comesBackAfterMs'> & { readonly name: string };

const WAYS: readonly Way[] = [
  { name: '`goaway`, and clients come back at once', comesBackAfterMs: 0 },
  { name: '`end`, and clients come back at once', onMove: { how: 'end' }, comesBackAfterMs: 0 },
  { name: '`end`, and clients come back after 1 s', onMove: { how: 'end' }, comesBackAfterMs: SDK_MS },
  { name: '`replay`', onMove: { how: 'replay' }, comesBackAfterMs: SDK_MS },
];

const longest = (numbers: readonly number[]): number => numbers.reduce((most, each) => Math.max(most, each), 0);

function quantiles(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
  return [0.5, 0.99, 1].map((q) => `${at(q).toFixed(0)} ms`).join(' | ');
}

/** Has a shard join and leave, while everybody edits. */
async function carryOutChanges(edited: EditedDocuments): Promise<Moved[]> {
  const moves: Moved[] = [];
  for (let i = 0; i < changes; i++) {
    const [from, to] = i % 2 === 0 ? [SHARDS - 1, SHARDS] : [SHARDS, SHARDS - 1];
    const moving = edited.documents.filter(
      (document) => edited.sidecars.ownerOf(document, from) !== edited.sidecars.ownerOf(document, to),
    );
    const beginMs = performance.now();
    await edited.handOver(to);
    moves.push({ beginMs, endMs: performance.now(), documents: new Set(moving) });
    await pause(OBSERVED_MS);
  }
  return moves;
}

/** What users saw of edits to documents that had just moved, and of edits to the others in the same seconds: these show how late the machine is. */
function sightColumns(edited: EditedDocuments, moves: readonly Moved[]): string {
  const during = ({ madeMs }: Sight): Moved | undefined =>
    moves.find(({ beginMs }) => madeMs > beginMs - LATE_MS && madeMs < beginMs + OBSERVED_MS);
  const near = sightsOf(edited).flatMap((sight) => {
    const move = during(sight);
    return move === undefined ? [] : { ...sight, isMoved: move.documents.has(sight.document) };
  });
  const after = (isMoved: boolean): string =>
    quantiles(near.filter((each) => each.isMoved === isMoved).map(({ afterMs }) => afterMs));
  return `${after(true)} | ${after(false)}`;
}

function presenceColumns(edited: EditedDocuments, beginMs: number, endMs: number, goneMs: number): string {
  const missedMs = new Map(edited.editors.map((each) => [each, missedOthersMs(each, users - 1, beginMs, endMs)]));
  const kept = edited.documents.filter((document) =>
    edited.ofDocument(document).every((editor) => (missedMs.get(editor) as number) <= goneMs),
  );
  const departures = edited.editors.flatMap((editor) => editor.departures).length;
  return `${kept.length} of ${documents} | ${longest([...missedMs.values()]).toFixed(0)} ms | ${departures}`;
}

function editColumns(edited: EditedDocuments): string {
  const failed = edited.editors.flatMap((editor) => editor.failed).length;
  return `${edited.editors.flatMap(({ edits }) => edits).length} | ${failed} | ${lostEdits(edited)}`;
}

/** Watches beside one of each user, and those that are left once everybody has gone. */
async function watchColumns({ servers, editors }: EditedDocuments): Promise<string> {
  const watched = (): number => servers.flatMap((server) => server.watched).length;
  const besides = watched() - editors.length;
  await Promise.all(editors.map((editor) => editor.leave()));
  for (let waits = 0; watched() > 0 && waits < 100; waits++) await pause(50);
  return `${besides} | ${watched()}`;
}

/** Who is missed for longer is gone; a client that waits before it comes back is missed meanwhile, unless its watch stays open. */
function goneAfterMs({ onMove, comesBackAfterMs }: Pick<Way, 'onMove' | 'comesBackAfterMs'>): number {
  const isOpen = onMove !== undefined && 'how' in onMove && onMove.how === 'replay';
  return LATE_MS + (isOpen ? 0 : comesBackAfterMs);
}

/** Which part of a time something that could have run had to wait for a processor; Linux alone says it. */
function pressureColumn(beginUs: number, forMs: number): string {
  return Number.isNaN(beginUs) ? '' : `${((waitedUs() - beginUs) / 10 / forMs).toFixed(0)}%`;
}

function waitedUs(): number {
  try {
    return Number(/some .*total=(\d+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8'))?.[1] ?? Number.NaN);
  } catch {
    return Number.NaN;
  }
}

/** How late the turns of this process are, in which all users and servers are: edits are as late for that, whatever routers and sidecars do. */
class LateTurns {
  totalMs = 0;
  longestMs = 0;
  #lastMs = performance.now();
  readonly #timer = setInterval(() => {
    const lateMs = performance.now() - this.#lastMs - TURN_MS;
    this.#lastMs += lateMs + TURN_MS;
    if (lateMs < TURN_MS) return;
    this.totalMs += lateMs;
    this.longestMs = Math.max(this.longestMs, lateMs);
  }, TURN_MS);

  stop(): void {
    clearInterval(this.#timer);
  }
}

function standstillColumn(late: LateTurns, forMs: number): string {
  late.stop();
  return `${((100 * late.totalMs) / forMs).toFixed(0)}%, ${late.longestMs.toFixed(0)} ms at a time`;
}

async function measure(scope: Scope, { name, ...way }: Way): Promise<string> {
  const setup = { shards: SHARDS, inUse: SHARDS - 1, routers, documents, users, pauseMs: Number(values.pause), ...way };
  const edited = await EditedDocuments.start(scope, {
    ...setup,
    ...(values.keyway !== undefined && { keyway: values.keyway }),
  });
  await pause(OBSERVED_MS);
  const [beginMs, beginUs] = [performance.now(), waitedUs()];
  const late = new LateTurns();
  const moves = await carryOutChanges(edited);
  const endMs = performance.now();
  const pressure = pressureColumn(beginUs, endMs - beginMs);
  const standstill = standstillColumn(late, endMs - beginMs);
  await Promise.all(edited.editors.map((editor) => editor.stopEditing()));
  await pause(SDK_MS + LATE_MS);
  const moved = moves.reduce((sum, each) => sum + each.documents.size, 0);
  const tookMs = longest(moves.map((each) => each.endMs - each.beginMs)).toFixed(0);
  const ends = Map.groupBy(
    edited.editors.flatMap((editor) => [...editor.ends, ...editor.failed.map(({ reason }) => reason)]),
    (end) => end.replaceAll(/\d+/g, 'N').slice(0, 120),
  );
  for (const [end, list] of ends) process.stderr.write(`${name}: ${list.length} times: ${end}\n`);
  return `| ${name} | ${moved} | ${tookMs} ms | ${sightColumns(edited, moves)} | ${presenceColumns(edited, beginMs, endMs, goneAfterMs(way))} | ${editColumns(edited)} | ${await watchColumns(edited)} | ${pressure} | ${standstill} |`;
}

const tell = (line: string): boolean => process.stdout.write(`${line}\n`);
const COLUMNS = [
  'watches',
  'moves of a document',
  'longest change',
  'an edit to one that moves is seen after: p50',
  'p99',
  'longest',
  'to others meanwhile: p50',
  'p99',
  'longest',
  'documents that kept their presence',
  'somebody was missed for, at most',
  'times somebody was told that another had left',
  'edits',
  'failed',
  'lost',
  'watches too many',
  'left behind',
  'a processor was waited for',
  'users and servers stood still',
];
tell(`| ${COLUMNS.join(' | ')} |`);
tell(`|${' --- |'.repeat(COLUMNS.length)}`);
for (const way of WAYS) {
  const scope = new Scope();
  try {
    tell(await measure(scope, way));
  } finally {
    await scope.release();
  }
}
tell(
  `\n${documents} documents with ${users} users each, ${routers} routers, ${changes} changes. The machine: ${availableParallelism()} cores, and a load of ${loadavg()[0]?.toFixed(1)} at the end.`,
);
process.exit(0);
