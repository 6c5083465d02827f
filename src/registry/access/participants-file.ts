import { z } from 'zod';
import { SHORTEST_TOKEN } from '../../runtime/named-file.ts';
import { identifier } from '../../topology/index.ts';
import { parseYaml, type Report, readDocument } from '../../yaml/index.ts';
import { Participants, tokenHash } from './participants.ts';
import type { Role } from './roles.ts';

const tokenSchema = z.strictObject({
  token: z
    .string()
    .min(SHORTEST_TOKEN)
    .optional()
    .describe('The token itself. Prefer its SHA-256, so that the file is not a secret.'),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'write 64 hex digits')
    .optional()
    .describe("The token's SHA-256, in hex: printf %s TOKEN | sha256sum."),
  role: z.enum(['read', 'route', 'shard', 'administer']).describe('What a client with this token may do.'),
  scope: z
    .string()
    .optional()
    .describe('For route: namespace/cluster, or nothing for all clusters. For shard: namespace/cluster/shard.'),
});

const tokensSchema = z.strictObject({ tokens: z.array(tokenSchema).min(1) });

/** Reads the participants of a registry, and their roles. @throws DocumentError naming every fault, and no token */
export function loadParticipants(file: string): Participants {
  return parseParticipants(readDocument(file), file);
}

export function parseParticipants(text: string, file: string): Participants {
  return parseYaml(text, file, tokensSchema, ({ tokens }, report) => {
    const roles = new Map<string, Role>();
    tokens.forEach((each, i) => {
      const hash = hashOf(each, (message) => report(['tokens', i], message));
      const role = roleOf(each, (message) => report(['tokens', i, 'scope'], message));
      if (hash === null || role === null) return;
      if (roles.has(hash)) report(['tokens', i], 'the same token is listed above; give each role its own token');
      roles.set(hash, role);
    });
    return Participants.of(roles);
  });
}

type Token = z.output<typeof tokenSchema>;
type Refuse = (message: string) => ReturnType<Report>;

function hashOf({ token, sha256 }: Token, refuse: Refuse): string | null {
  if ((token === undefined) === (sha256 === undefined)) {
    refuse('give exactly one of token and sha256');
    return null;
  }
  return sha256 === undefined ? tokenHash(token as string) : sha256.toLowerCase();
}

function roleOf({ role, scope }: Token, refuse: Refuse): Role | null {
  const parts = scope?.split('/') ?? [];
  const wanted = role === 'shard' ? [3] : role === 'route' ? [0, 2] : [0];
  const isRight = wanted.includes(parts.length) && parts.every((part) => identifier.safeParse(part).success);
  if (!isRight) {
    if (role === 'shard') refuse('a shard is namespace/cluster/shard, such as default/docs/s0');
    else if (role === 'route') refuse('a cluster is namespace/cluster, such as default/docs; without it: all clusters');
    else refuse(`${role} applies to the whole registry: leave the scope out`);
    return null;
  }
  const [namespace = '', cluster = '', shard = ''] = parts;
  if (role === 'shard') return { kind: 'shard', cluster: { namespace, cluster }, shard };
  if (role === 'route') return { kind: 'route', cluster: scope === undefined ? null : { namespace, cluster } };
  return { kind: role };
}
