import {
  type HotKeysReport,
  mergeHotKeys,
  mergeSlotTraffic,
  mergeSlowLogs,
  type RedisQuestion,
  type SlotTrafficReport,
  type SlowLogReport,
} from '../proxy/index.ts';
import { type Answer, json, text } from './answer.ts';

/** Where the reports of a router's threads come from. */
interface RedisSource {
  redis(question: RedisQuestion, seconds: number): Promise<ReadonlyArray<object | null>>;
}

/** For how long keys are counted. */
const DEFAULT_SECONDS = 5;
const MAX_SECONDS = 30;

/** The commands that took long, of all threads. */
export async function slowLog(source: RedisSource): Promise<SlowLogReport> {
  const reports = await source.redis('slowlog', 0);
  return mergeSlowLogs(reports.filter((each) => each !== null) as SlowLogReport[]);
}

/** The keys that most commands are for within some seconds from now on, of all threads. */
export async function hotKeys(source: RedisSource, query: URLSearchParams): Promise<Answer> {
  const seconds = secondsIn(query);
  if (seconds === null) return NO_SECONDS;
  const reports = await source.redis('hotkeys', seconds);
  return json(shown(mergeHotKeys(reports.filter((each) => each !== null) as HotKeysReport[])));
}

/** How many commands are for each slot within some seconds from now on, of all threads. */
export async function slotTraffic(source: RedisSource, query: URLSearchParams): Promise<Answer> {
  const seconds = secondsIn(query);
  if (seconds === null) return NO_SECONDS;
  const reports = await source.redis('slots', seconds);
  return json(mergeSlotTraffic(reports.filter((each) => each !== null) as SlotTrafficReport[]));
}

const NO_SECONDS = text(400, `seconds is a number up to ${MAX_SECONDS}`);

function secondsIn(query: URLSearchParams): number | null {
  const seconds = Number(query.get('seconds') ?? DEFAULT_SECONDS);
  return seconds > 0 && seconds <= MAX_SECONDS ? seconds : null;
}

/** Keys as people read them. */
function shown({ hot, heavy, ...rest }: HotKeysReport): object {
  const readable = <Row extends { readonly key: string }>(row: Row): Row => ({
    ...row,
    key: Buffer.from(row.key, 'latin1').toString('utf8'),
  });
  return { ...rest, hot: hot.map(readable), heavy: heavy.map(readable) };
}
