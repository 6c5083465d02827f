import { z } from 'zod';
import { duration, file, identifier, reachableAddress } from './values.ts';

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
    users: z
      .array(
        z.strictObject({
          name: identifier,
          passwordFile: file,
          prefixes: z
            .array(z.string().min(1))
            .min(1)
            .optional()
            .describe('Its keys and channels begin with one of these. By default they may be any.'),
          prefix: z
            .string()
            .min(1)
            .max(128)
            .optional()
            .describe(
              'Stands before its keys and channels at the shards; the user neither writes nor reads it, and sees no others. Not beside prefixes.',
            ),
          scripts: z
            .enum(['refused', 'trusted'])
            .optional()
            .describe(
              'Whether a user with a prefix may run scripts and functions, which reach any key by its name. By default refused.',
            ),
          commands: z
            .string()
            .optional()
            .describe('Terms of an ACL, each in turn, such as "+@all -@dangerous +keys". By default all commands.'),
        }),
      )
      .min(1)
      .optional()
      .describe('Users that clients may log in as. Without passwordFile there is no user called default beside them.'),
    mode: z
      .enum(['hidden', 'direct', 'routers'])
      .default('hidden')
      .describe(
        'hidden: clients see one server. direct: clients of a cluster learn its nodes here, and go to them. routers: they see the routers as the nodes of a cluster.',
      ),
    reads: z
      .enum(['primary', 'preferReplica', 'replica'])
      .default('primary')
      .describe(
        'Where commands that only read go. primary: to the owner of their keys. preferReplica: to a replica of it, or to the owner where none is healthy. replica: to replicas alone. Replicas may be behind.',
      ),
    slowAfter: duration({ least: 1 })
      .prefault('10ms')
      .describe('Commands that take as long are kept in the slow log, which keyway redis slowlog shows.'),
    metaraft: z
      .array(reachableAddress)
      .min(1)
      .optional()
      .describe(
        'Client addresses of an etcd, in cleartext. CLUSTER METARAFT of clients that may do everything shows its members, adds learners and promotes them. By default there is no such command.',
      ),
    announce: z
      .array(reachableAddress)
      .min(1)
      .optional()
      .describe(
        'Where clients reach this router, for direct and routers: several for several connections. By default the address that a client has connected to.',
      ),
  })
  .describe('Redis clients connect here, and nobody else: RESP2 and RESP3.');
