import {
  type Handoff,
  instanceText,
  isMemberOf,
  type KnownNode,
  type Member,
  nodeValue,
  routerValue,
  type Wave,
} from '../registry/index.ts';
import { type Moving, type TopologyName, type TopologyVersion, topologyText } from '../topology/index.ts';

// A change that moves many streams goes in waves. Each is a version of its own, and goes through all steps of a handoff: whatever holds
// between two versions holds between two waves. A wave's topology says how far the change has come, so that any driver can go on from it.

/**
 * A wave is narrowed where more streams than this many times the limit would move: keys differ in how many streams they have, and
 * another round costs more than a few streams too many.
 */
const SLACK = 1.5;
/** Where so many rounds do not help, few keys have most of the streams, and a key does not move in parts. */
const MAX_ROUNDS = 3;
/** A wave is at most so many times as wide, or as narrow, as the one before it: the keys ahead may have more streams, or fewer. */
const MAX_GROWTH = 4;
/** A change has no more waves than this allows: in so narrow a part of many keys, one key has most of the streams. */
const LEAST_WIDTH = 2 ** -12;
/** A rest that is this small beside a wave goes with it. */
const SMALL_REST = 0.25;

/** What moves by a staged version, as all routers have said; null where one has not said how many streams. */
export function movingStreams(
  name: TopologyName,
  { to, attempt }: Handoff,
  routers: readonly Member[],
): { readonly streams: number; readonly isQuiet: boolean } | null {
  const cluster = topologyText(name);
  let streams = 0;
  let isQuiet = true;
  for (const { value } of routers) {
    const { versions, acknowledged } = routerValue(value);
    if (versions[cluster] === undefined) continue;
    const said = acknowledged[cluster];
    if (said?.to !== to || said.attempt !== attempt || said.streams === undefined) return null;
    streams += said.streams;
    isQuiet &&= said.quiet === true;
  }
  return { streams, isQuiet };
}

/** Whether a router has found that a call takes long whose key moves, though requests were held at once. */
export function isHeldInVain(name: TopologyName, { to, attempt, wave }: Handoff, routers: readonly Member[]): boolean {
  if (wave?.heldAtOnce !== true) return false;
  const cluster = topologyText(name);
  return routers.some(({ value }) => {
    const said = routerValue(value).acknowledged[cluster];
    return said?.to === to && said.attempt === attempt && said.quiet === false;
  });
}

/** Whether the wave after one needs no question: about as many streams moved by that as may, held at once, and in no time. */
function isAsExpected({ heldAtOnce, streams }: Wave, retries: number, limit: number): boolean {
  return heldAtOnce === true && retries === 0 && streams !== null && streams * SLACK >= limit;
}

/** Whether a change goes in several waves, and this is one of them. */
export function isOneOfSeveral(wave: Wave | undefined): boolean {
  return wave !== undefined && (wave.from > 0 || wave.to < 1);
}

/** Whether every router, and every process of a shard that takes part, can serve a version in which only some keys have moved. */
export function allKnowWaves(
  name: TopologyName,
  { givenUp }: Handoff,
  routers: readonly Member[],
  nodes: readonly Member[],
  known: readonly KnownNode[],
): boolean {
  const cluster = topologyText(name);
  const isKnownTo = ({ knows = [] }: { readonly knows?: readonly string[] }): boolean => knows.includes('waves');
  return (
    routers.every(({ value }) => {
      const router = routerValue(value);
      return router.versions[cluster] === undefined || isKnownTo(router);
    }) &&
    known.every((node) => {
      if (!node.fencing || node.ended || givenUp.includes(instanceText(node))) return true;
      const member = nodes.find(isMemberOf(name, node));
      return member !== undefined && isKnownTo(nodeValue(member.value));
    })
  );
}

/** The wave that moves about as many streams as may move at once; null where it is small enough, or cannot be made smaller. */
export function narrowed(wave: Wave, streams: number, limit: number): Wave | null {
  if (wave.isWhole === true || streams <= SLACK * limit || wave.narrowed >= MAX_ROUNDS) return null;
  const to = wave.from + Math.max(LEAST_WIDTH, ((wave.to - wave.from) * limit) / streams);
  if (to >= wave.to) return null;
  return { ...wave, to, narrowed: wave.narrowed + 1, streams: null };
}

/**
 * The wave after a handoff that is over.
 * @param last the handoff; its wave is none where another change came between
 * @param mayHold whether requests may be held at once, as far as it depends on who is there
 */
export function waveAfter(
  { wave: last, retries }: Pick<Handoff, 'wave' | 'retries'>,
  { since, cursor }: Moving,
  limit: number,
  mayHold: boolean,
): Wave {
  const isNext = last !== undefined && last.since === since;
  // Where nothing is known about the keys ahead, routers count how many streams all of them have.
  let to = 1;
  if (isNext && last.streams !== null) {
    const growth = Math.max(1 / MAX_GROWTH, Math.min(MAX_GROWTH, limit / last.streams));
    const width = Math.max(LEAST_WIDTH, (last.to - last.from) * growth);
    to = cursor + width * (1 + SMALL_REST) >= 1 ? 1 : cursor + width;
  }
  const isHeldAtOnce = mayHold && isNext && isAsExpected(last, retries, limit);
  return {
    since: since as TopologyVersion,
    number: isNext ? last.number + 1 : 1,
    from: cursor,
    to,
    narrowed: 0,
    streams: null,
    ...(isHeldAtOnce ? { heldAtOnce: true } : {}),
  };
}
