/** Commands whose keys are on several shards, or that are about all of them: their parts, and one answer of many. */
export { mergeEverywhere } from './merge-everywhere.ts';
export { isError, mergeParts, UNLIKE } from './merge-parts.ts';
export { ScanCommand, ScanCursors, type ScanPlace, scanAnswer, scanPage } from './scan.ts';
export { type Part, splitCommand } from './split-command.ts';
