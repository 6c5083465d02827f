import type { RedisContext } from '../redis-context.ts';
import { HotKeys } from './hot-keys.ts';
import type { SlowLogReport } from './slow-log.ts';

/** What people may ask a thread about Redis. */
export type RedisQuestion = 'slowlog' | 'hotkeys' | 'slots';

/**
 * Answers what people ask.
 * @param seconds for which keys are counted. One count at a time: whoever asks meanwhile takes over the count of the one before, who is told what came until then
 * @returns null where the question is none
 */
export async function inspect(context: RedisContext, question: string, seconds: number): Promise<object | null> {
  if (question === 'slowlog') {
    const { slowLog } = context;
    return { count: slowLog.count, entries: slowLog.entries() } satisfies SlowLogReport;
  }
  if (question === 'hotkeys') return (await countedWithin(context, seconds)).report();
  return question === 'slots' ? (await countedWithin(context, seconds)).slots.report() : null;
}

async function countedWithin(context: RedisContext, seconds: number): Promise<HotKeys> {
  const hotKeys = new HotKeys();
  context.hotKeys = hotKeys;
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  // Somebody else counts by now.
  if (context.hotKeys === hotKeys) context.hotKeys = null;
  return hotKeys;
}
