/** The family HTTP. */
export type { EdgeDescription } from './edge/forwarded.ts';
export { http } from './http-family.ts';
export type { MoveDescription } from './move.ts';
export { ACCESS_FIELDS, formatFault } from './observe/access-log.ts';
export type { ObserveDescription } from './observe/observe.ts';
export { hiddenKey, isSecretName } from './observe/secret-keys.ts';
export { patternFault } from './pattern.ts';
export type { ResumeDescription } from './replay/resume.ts';
export type { RouteMatch } from './route-match.ts';
export { defaultRouterLimits, type RouterLimits } from './router-context.ts';
export type { RouteDescription } from './routing.ts';
export type { ShardKeySource } from './shard-key.ts';
export type { TextMatch } from './text-match.ts';
