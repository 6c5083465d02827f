import { z } from 'zod';
import { file, identifier } from './values.ts';

export const serverTls = z
  .strictObject({
    certificates: z
      .array(z.strictObject({ certificate: file, key: file }))
      .min(1)
      .describe(
        'PEM files. The router presents the certificate with the name that the client asks for, otherwise the first.',
      ),
    clientAuthorities: file
      .optional()
      .describe('A PEM file of authorities. If set, every client must present a certificate from one of them.'),
    minimumVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
  })
  .describe('TLS for clients. The router reads files again when they change; open connections continue.');

export const redisListener = z
  .strictObject({
    cluster: identifier.describe('The cluster that the keys are in. Its shards speak redis.'),
    passwordFile: file
      .optional()
      .describe('A file with the password that clients must give by AUTH or HELLO. Without it none is asked for.'),
  })
  .describe('Redis clients connect here, and nobody else: RESP2 and RESP3.');
