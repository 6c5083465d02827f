import type { Engine } from '../engine.ts';
import { kvrocks } from './kvrocks/index.ts';
import { redis } from './redis/index.ts';

/** The engines, by the names that configs have for them. */
export const engines = { redis, kvrocks } as const satisfies Readonly<Record<string, Engine>>;

export type EngineName = keyof typeof engines;
export const ENGINE_NAMES = Object.keys(engines) as readonly EngineName[];
