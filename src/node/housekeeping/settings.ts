import { z } from 'zod';
import { housekeepingSchema, taskSettingsSchema } from '../../housekeeping/index.ts';
import { isLoopback } from '../../runtime/address.ts';
import { filePath } from '../../yaml/index.ts';

const backend = z
  .strictObject({
    grpc: z
      .strictObject({
        address: z.string().min(1).describe('host:port.'),
        caFile: filePath.optional().describe('Authorities (PEM) for TLS; without it: cleartext.'),
      })
      .optional()
      .describe('keyway.housekeeping.v1.Housekeeping.'),
    http: z
      .strictObject({
        url: z.url({ protocol: /^https?$/ }).describe('Before /projects and /run.'),
        tokenFile: filePath.optional().describe('Holds a token that is shown as a bearer’s.'),
        insecure: z.boolean().optional().describe('The token may go off this machine without TLS.'),
      })
      .superRefine(({ url, tokenFile, insecure }, context) => {
        const { protocol, hostname } = new URL(url);
        const isSeen = protocol === 'http:' && !isLoopback(hostname.replace(/^\[|\]$/g, ''));
        if (tokenFile !== undefined && isSeen && insecure !== true)
          context.addIssue('the token would be seen on its way: write https, or insecure: true');
      })
      .optional()
      .describe('JSON over HTTP.'),
  })
  .superRefine(({ grpc, http }, context) => {
    if ((grpc === undefined) === (http === undefined)) context.addIssue('give exactly one of grpc, http');
  });

/** The housekeeping of a backend that knows nothing of Keyway but how its tasks are called. */
export const nodeHousekeepingSchema = housekeepingSchema.extend({
  backend: backend.describe('How the backend is called.'),
  tasks: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'write small letters, digits and hyphens'),
      taskSettingsSchema.extend({
        unit: z.enum(['project', 'shard', 'cluster']).default('project').describe('What it is carried out for, each.'),
      }),
    )
    .refine((tasks) => Object.keys(tasks).length > 0, 'name at least one task'),
});

export type NodeHousekeepingSettings = z.infer<typeof nodeHousekeepingSchema>;
