import type { RedisContext } from '../redis-context.ts';
import { HotKeys, type HotKeysReport } from './hot-keys.ts';
import type { SlowLogReport } from './slow-log.ts';

/** What people may ask a thread about Redis. */
export type RedisQuestion = 'slowlog' | 'hotkeys';

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
  return question === 'hotkeys' ? hotKeysWithin(context, seconds) : null;
}

async function hotKeysWithin(context: RedisContext, seconds: number): Promise<HotKeysReport> {
  const hotKeys = new HotKeys();
  context.hotKeys = hotKeys;
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  // Somebody else counts by now.
  if (context.hotKeys === hotKeys) context.hotKeys = null;
  return hotKeys.report();
}
