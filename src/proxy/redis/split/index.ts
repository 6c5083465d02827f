/** Commands whose keys are on several shards, or that are about all of them: their parts, and one answer of many. */
export { mergeEverywhere } from './merge-everywhere.ts';
export { mergeParts } from './merge-parts.ts';
export { ScanCursors, type ScanPlace, scanAnswer, scanRequest } from './scan.ts';
export { type Part, splitCommand } from './split-command.ts';
