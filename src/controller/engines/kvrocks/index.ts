import type { Engine } from '../../engine.ts';
import { KvrocksNodes } from './kvrocks-nodes.ts';

/** Apache Kvrocks in cluster mode, whose nodes are told everything by whoever leads them (CLUSTERX). */
export const kvrocks: Engine = { connect: (access) => new KvrocksNodes(access) };
