import { z } from 'zod';
import { exactlyOne, reachableAddress } from '../topology/index.ts';
import { filePath } from '../yaml/index.ts';

const tls = z
  .strictObject({
    authorities: filePath.optional().describe('A PEM file of the authorities that may sign its certificate.'),
    certificate: filePath.optional().describe('A PEM file of the certificate to present to it.'),
    key: filePath.optional().describe("A PEM file with the certificate's key."),
    serverName: z.string().min(1).optional().describe('A name in its certificate, if it is reached by address.'),
  })
  .describe("TLS; an empty mapping trusts the system's authorities.");

const insecure = z
  .boolean()
  .optional()
  .describe(
    'Allows the token or password to leave this machine without TLS, where anyone who sees the traffic can read it.',
  );

const STORES = ['sqlite', 'remote', 'etcd'] as const;

/** Where a registry may be, each with what is asked of it there. */
export const storeFields = {
  sqlite: z.strictObject({ path: filePath }).optional().describe('A file on this machine.'),
  remote: z
    .strictObject({ address: reachableAddress, tokenFile: filePath.optional(), tls: tls.optional(), insecure })
    .optional()
    .describe('A registry that keyway registry serves.'),
  etcd: z
    .strictObject({
      endpoints: z.array(reachableAddress).min(1).describe('Each member.'),
      user: z.string().min(1).optional(),
      passwordFile: filePath.optional(),
      tls: tls.optional(),
      insecure,
    })
    .optional()
    .describe('etcd, version 3.4 or later.'),
};

/** Adds an issue to a description that names no store, or several. */
export function oneStore(value: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  exactlyOne(value, context, STORES);
}

/** A registry, as a command's user has it. */
export const registrySchema = z.strictObject(storeFields).superRefine(oneStore);
