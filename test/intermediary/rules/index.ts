import type { Rule } from '../rule.ts';
import { answers } from './answers.ts';
import { fields } from './fields.ts';
import { lengths } from './lengths.ts';
import { protocols } from './protocols.ts';
import { targets } from './targets.ts';
import { trailers } from './trailers.ts';

/** The rules that docs/intermediary.md lists. */
export const rules: readonly Rule[] = [...lengths, ...fields, ...targets, ...answers, ...trailers, ...protocols];
