import { z } from 'zod';
import { address, duration, exactlyOne, file } from './values.ts';

const tls = z
  .strictObject({
    authorities: file.optional().describe('PEM file of the authorities that its certificate is of.'),
    certificate: file.optional().describe('PEM file of the certificate to show to it.'),
    key: file.optional().describe('PEM file of its key.'),
    serverName: z.string().min(1).optional().describe('A name in its certificate, where it is reached by address.'),
  })
  .describe('TLS; an empty mapping trusts the authorities of the system.');

const insecure = z
  .boolean()
  .optional()
  .describe('The token or password may go off this machine without TLS: whoever sees the traffic sees it.');

const STORES = ['sqlite', 'remote', 'etcd'] as const;

const stores = {
  sqlite: z.strictObject({ path: file }).optional().describe('A file on this machine.'),
  remote: z
    .strictObject({ address, tokenFile: file.optional(), tls: tls.optional(), insecure })
    .optional()
    .describe('What keyway registry serves.'),
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
        'A folder for the last topologies, to start from while the registry cannot be reached; by default below the folder in which the router is started.',
      ),
    lease: duration({ least: 1, most: 3_600_000 })
      .prefault('10s')
      .describe('A router that has not renewed its lease for this long is taken for dead.'),
  })
  .superRefine((value, context) => exactlyOne(value, context, STORES))
  .describe('Where topologies come from: exactly one of sqlite, remote and etcd.');
