import { acknowledging } from './acknowledging.ts';
import { answers } from './answers.ts';
import { housekeeping } from './housekeeping.ts';
import type { Planted } from './planted.ts';
import { registry } from './registry.ts';
import { serving } from './serving.ts';

/** All faults that are tried. Each is something that the product might do wrong. */
export const planted: readonly Planted[] = [...acknowledging, ...serving, ...registry, ...answers, ...housekeeping];
