/** The family HTTP. */
export type { EdgeDescription } from './edge/forwarded.ts';
export { http } from './http-family.ts';
export { ACCESS_FIELDS, formatFault } from './observe/access-log.ts';
export type { ObserveDescription } from './observe/observe.ts';
export { hiddenKey, isSecretName } from './observe/secret-keys.ts';
export type { ResumeDescription } from './replay/resume.ts';
export { defaultRouterLimits, type RouterLimits } from './router-context.ts';
export type { MoveDescription } from './routes/move.ts';
export { patternFault } from './routes/pattern.ts';
export type { RouteMatch } from './routes/route-match.ts';
export type { RouteDescription } from './routes/routing.ts';
export type { ShardKeySource } from './routes/shard-key.ts';
export type { TextMatch } from './routes/text-match.ts';
