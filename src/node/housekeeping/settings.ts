import { z } from 'zod';
import { housekeepingSchema, taskSettingsSchema } from '../../housekeeping/index.ts';
import { isLoopback } from '../../runtime/address.ts';
import { filePath } from '../../yaml/index.ts';

const backend = z
  .strictObject({
    grpc: z
      .strictObject({
        address: z.string().min(1).describe('host:port.'),
        caFile: filePath
          .optional()
          .describe('A PEM file of authorities for TLS; without it the connection is in cleartext.'),
      })
      .optional()
      .describe('keyway.housekeeping.v1.Housekeeping.'),
    http: z
      .strictObject({
        url: z.url({ protocol: /^https?$/ }).describe('The URL that precedes /projects and /run.'),
        tokenFile: filePath.optional().describe('A file with a token that is sent as a bearer token.'),
        insecure: z.boolean().optional().describe('Allows the token to leave this machine without TLS.'),
      })
      .superRefine(({ url, tokenFile, insecure }, context) => {
        const { protocol, hostname } = new URL(url);
        const isSeen = protocol === 'http:' && !isLoopback(hostname.replace(/^\[|\]$/g, ''));
        if (tokenFile !== undefined && isSeen && insecure !== true)
          context.addIssue('the token would be visible on the network: use https, or set insecure: true');
      })
      .optional()
      .describe('JSON over HTTP.'),
  })
  .superRefine(({ grpc, http }, context) => {
    if ((grpc === undefined) === (http === undefined)) context.addIssue('give exactly one of grpc, http');
  });

/** The housekeeping of a backend that knows nothing of Keyway but how its tasks are called. */
export const nodeHousekeepingSchema = housekeepingSchema.extend({
  backend: backend.describe('How to call the backend.'),
  tasks: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'write lower-case letters, digits and hyphens'),
      taskSettingsSchema.extend({
        unit: z
          .enum(['project', 'shard', 'cluster'])
          .default('project')
          .describe('The units for which the task is carried out.'),
      }),
    )
    .refine((tasks) => Object.keys(tasks).length > 0, 'give at least one task'),
});

export type NodeHousekeepingSettings = z.infer<typeof nodeHousekeepingSchema>;
