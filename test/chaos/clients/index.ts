/** Who uses a world of routers and shards, and writes down what came of it. */
export { Caller } from './caller.ts';
export type { ClientSetup } from './setup.ts';
export { openGrpcWatch, openSocketWatch } from './watch-transport.ts';
export { Watcher } from './watcher.ts';
