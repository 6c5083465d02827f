import { z } from 'zod';
import { address, duration, exactlyOne, file } from './values.ts';

const tls = z
  .strictObject({
    authorities: file.optional().describe('A PEM file of the authorities that may sign its certificate.'),
    certificate: file.optional().describe('A PEM file of the certificate to present to it.'),
    key: file.optional().describe("A PEM file with the certificate's key."),
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

const stores = {
  sqlite: z.strictObject({ path: file }).optional().describe('A file on this machine.'),
  remote: z
    .strictObject({ address, tokenFile: file.optional(), tls: tls.optional(), insecure })
    .optional()
    .describe('A registry that keyway registry serves.'),
  etcd: z
    .strictObject({
      endpoints: z.array(address).min(1).describe('Each member.'),
      user: z.string().min(1).optional(),
      passwordFile: file.optional(),
      tls: tls.optional(),
      insecure,
    })
    .optional()
    .describe('etcd, version 3.4 or later.'),
};

/** A registry, as a command's user has it. */
export const registryStore = z.strictObject(stores).superRefine((value, context) => exactlyOne(value, context, STORES));

/** A registry, as a router has it. */
export const registry = z
  .strictObject({
    ...stores,
    keepIn: file
      .default('.keyway/topologies')
      .describe(
        'A folder for the last topologies, used at startup if the registry cannot be reached. By default it is in the folder where the router is started.',
      ),
    lease: duration({ least: 1, most: 3_600_000 })
      .prefault('10s')
      .describe('A router that has not renewed its lease for this long counts as dead.'),
  })
  .superRefine((value, context) => exactlyOne(value, context, STORES))
  .describe('Where topologies come from: exactly one of sqlite, remote and etcd.');
