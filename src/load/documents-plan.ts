import { type LoadPlanFile, planSchema } from './calls/index.ts';

const SERVICE = 'keyway.shard.v1.Documents';
const KEY = { key: '{{key}}' };

/** The calls of Keyway's own shard, for runs that name no others. @param proto the file of its service */
export function documentsPlan(proto: string): LoadPlanFile {
  return planSchema.parse({
    proto,
    calls: {
      put: {
        grpc: `${SERVICE}/Put`,
        data: { ...KEY, value: Buffer.from('good day').toString('base64') },
        writes: true,
        revision: 'revision',
        weight: 20,
      },
      get: { grpc: `${SERVICE}/Get`, data: KEY, ok: ['NOT_FOUND'], revision: 'revision', weight: 70 },
      delete: {
        grpc: `${SERVICE}/Delete`,
        data: KEY,
        ok: ['NOT_FOUND'],
        writes: true,
        revision: 'revision',
        weight: 0,
      },
      watch: { grpc: `${SERVICE}/Watch`, data: KEY, revision: 'document.revision', watch: {}, weight: 10 },
    },
  });
}
