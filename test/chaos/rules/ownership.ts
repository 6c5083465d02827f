import type { Call, Cut, History, ShardOperation, Stop, Version } from '../history.ts';
import { spanText, type Violation } from './violation.ts';

/** A watch that was open when its shard was stopped ends when the shard goes on and looks at its clock. */
const NOTICES_WITHIN_MS = 1000;

/** An operation, and the time in which it may have had an effect. */
interface Effective {
  readonly operation: ShardOperation;
  readonly begin: number;
  readonly end: number;
  /** It began before its process was stopped, and ended after. */
  readonly stop: Stop | null;
}

/** Who served which key, and when: judged by what shards wrote down. */
export function* ownership(history: History): Generator<Violation> {
  const { operations, stops, cuts, versions } = history;
  const calls = new Map(history.calls.map((call) => [call.id, call]));
  const plain = new Set(history.plain);
  const owners = new Map(versions.map((each) => [each.version, each.owners]));
  const shards = new Set(operations.map(({ pid }) => pid));
  const gaps = {
    shards: stops.filter(({ pid }) => shards.has(pid)),
    routers: stops.filter(({ pid }) => !shards.has(pid)),
    cuts,
  };
  for (const [key, ofKey] of Map.groupBy(operations, ({ key: each }) => each)) {
    const served = ofKey
      .filter((operation) => operation.served && !isGhost(operation, plain, calls))
      .map((operation) => effective(operation, gaps, plain))
      .sort((a, b) => a.begin - b.begin);
    yield* oneProcessAtATime(key, served);
    yield* turnsFollowVersions(key, served, versions);
    yield* versionsNeverGoBack(key, served);
    yield* stoppedServeNothing(key, served);
    for (const { operation } of served) {
      const owner = owners.get(operation.version)?.[key];
      if (owner !== undefined && owner !== operation.shard)
        yield {
          rule: 'the owner by its version',
          what: `${key}: ${described(operation)} by version ${operation.version}, which gives it to ${owner}`,
        };
    }
  }
}

/**
 * What a plain shard does for a client that has gone, or been told that the call has failed: it may have been under way for
 * any time, and only the shard could refuse it (docs/handoff.md, "Who may serve"). Values tell what comes of it.
 */
function isGhost(
  { shard, operation, call, end, abandoned }: ShardOperation,
  plain: ReadonlySet<string>,
  calls: ReadonlyMap<string, Call>,
): boolean {
  if (!plain.has(shard) || operation === 'watch') return false;
  const asked = call === null ? undefined : calls.get(call);
  return abandoned || (asked !== undefined && asked.error !== null && asked.end <= end);
}

/** When nothing could be done, or heard. */
interface Gaps {
  readonly shards: readonly Stop[];
  readonly routers: readonly Stop[];
  readonly cuts: readonly Cut[];
}

/** A process does nothing while it is stopped. */
function effective(operation: ShardOperation, gaps: Gaps, plain: ReadonlySet<string>): Effective {
  const { pid, begin } = operation;
  const isWatch = operation.operation === 'watch';
  const end = isWatch && plain.has(operation.shard) ? endOfPlainWatch(operation, gaps) : operation.end;
  const stop = gaps.shards.find((each) => each.pid === pid && each.begin > begin && each.begin < end) ?? null;
  if (stop === null) return { operation, begin, end, stop };
  const isOver = !isWatch || operation.end - stop.end < NOTICES_WITHIN_MS;
  return { operation, begin, end: isOver ? stop.begin : end, stop };
}

/**
 * A plain shard hears of a watch's end when the reset arrives. While its router is stopped none does, nor while the link between them is cut; and
 * nothing of the watch reaches its client. The router cuts it as soon as it goes on, where its lease is over; what it has sent into a link that is
 * cut arrives once that is mended. So such a gap does not count, and the end was known before it.
 */
function endOfPlainWatch({ shard, begin, end }: ShardOperation, { routers, cuts }: Gaps): number {
  const gap = [...routers, ...cuts.filter((cut) => cut.shard === shard)].find(
    (each) => each.begin > begin && each.end <= end && end - each.end < NOTICES_WITHIN_MS,
  );
  return Math.max(begin, (gap?.begin ?? end) - NOTICES_WITHIN_MS);
}

/** The key's other processes are those of other shards, and those of the same one that came before or after. */
function* oneProcessAtATime(key: string, served: readonly Effective[]): Generator<Violation> {
  // Of each process the operation that ends last so far: if any overlaps, that one does.
  const last = new Map<string, Effective>();
  for (const each of served) {
    const process = processOf(each);
    for (const [name, other] of last) {
      if (name === process || other.end <= each.begin) continue;
      const between = `${described(other.operation)} and ${described(each.operation)}`;
      yield { rule: 'two processes at once', what: `${key}: ${between}` };
    }
    const before = last.get(process);
    if (before === undefined || before.end < each.end) last.set(process, each);
  }
}

/**
 * Shards serve a key in the order in which versions gave it to them, each within the time in which its version may have been
 * served; and a process that another one of its shard has taken the place of never serves again.
 */
function* turnsFollowVersions(
  key: string,
  served: readonly Effective[],
  versions: readonly Version[],
): Generator<Violation> {
  const reigns = reignsOf(key, versions);
  const replaced = new Set<string>();
  const current = new Map<string, string>();
  let at = 0;
  for (const each of served) {
    const { shard } = each.operation;
    const process = processOf(each);
    const before = current.get(shard);
    if (replaced.has(process))
      yield { rule: 'turns follow the versions', what: `${key}: ${described(each.operation)}, which was replaced` };
    else if (before !== undefined && before !== process) replaced.add(before);
    current.set(shard, process);
    if (reigns.length === 0) continue;
    let next = at;
    while (next < reigns.length && !covers(reigns[next] as Reign, each)) next++;
    if (next < reigns.length) at = next;
    else {
      const after = (reigns[at] as Reign).owner;
      yield { rule: 'turns follow the versions', what: `${key}: ${described(each.operation)}, after ${after} had it` };
    }
  }
}

/**
 * How many operations shards began for keys that were another's, by every version that may have been current then: also for calls that
 * clients had given up, or that were reported to them as failed, which no rule is about.
 */
export function begunElsewhere({ operations, versions }: Pick<History, 'operations' | 'versions'>): number {
  let count = 0;
  for (const [key, ofKey] of Map.groupBy(operations, (each) => each.key)) {
    const reigns = reignsOf(key, versions);
    if (reigns.length === 0) continue;
    for (const { shard, begin, served } of ofKey)
      if (served && !reigns.some(({ owner, since, until }) => owner === shard && since <= begin && begin <= until))
        count++;
  }
  return count;
}

/** How long a shard had a key, by one version or several. */
interface Reign {
  readonly owner: string;
  readonly since: number;
  until: number;
}

function reignsOf(key: string, versions: readonly Version[]): Reign[] {
  const reigns: Reign[] = [];
  for (const [i, { owners, since }] of versions.entries()) {
    const owner = owners[key];
    const until = versions[i + 1]?.seen ?? Number.POSITIVE_INFINITY;
    const last = reigns.at(-1);
    if (owner === undefined) continue;
    if (last?.owner === owner) last.until = until;
    else reigns.push({ owner, since, until });
  }
  return reigns;
}

function covers({ owner, since, until }: Reign, { operation, begin, end }: Effective): boolean {
  return owner === operation.shard && begin >= since && end <= until;
}

/** Once a process has served by a version, no other one serves by an older. */
function* versionsNeverGoBack(key: string, served: readonly Effective[]): Generator<Violation> {
  let newest: ShardOperation | null = null;
  for (const each of served) {
    const { operation } = each;
    if (operation.version === 0) continue;
    if (newest !== null && newest.version > operation.version && processName(newest) !== processName(operation))
      yield {
        rule: 'turns follow the versions',
        what: `${key}: ${described(operation)} by version ${operation.version}, after ${described(newest)} by ${newest.version}`,
      };
    if (newest === null || operation.version > newest.version) newest = operation;
  }
}

/**
 * Whose process was stopped in the middle of an operation must not have served it if others served the key meanwhile, unless
 * it had: a write whose revision is older than all that they did was done before.
 */
function* stoppedServeNothing(key: string, served: readonly Effective[]): Generator<Violation> {
  for (const late of served) {
    const { operation, stop } = late;
    if (stop === null || operation.operation === 'watch' || operation.end < stop.end) continue;
    const other = served.find(
      (each) =>
        processOf(each) !== processOf(late) &&
        each.end > stop.begin &&
        each.begin < operation.end &&
        (operation.operation === 'get' || isOlder(each.operation, operation)),
    );
    if (other !== undefined)
      yield {
        rule: 'what was stopped serves late',
        what: `${key}: ${described(operation)}, stopped at ${spanText(stop)}, beside ${described(other.operation)}`,
      };
  }
}

/** Whether one saw, or made, less of the document than another did. What a watch began with nobody wrote down. */
function isOlder(one: ShardOperation, other: ShardOperation): boolean {
  return one.operation !== 'watch' && one.revision < other.revision;
}

function processOf({ operation }: Effective): string {
  return processName(operation);
}

function processName({ shard, pid }: ShardOperation): string {
  return `${shard} (process ${pid})`;
}

function described(operation: ShardOperation): string {
  return `${operation.operation} on ${processName(operation)} at ${spanText(operation)}`;
}
