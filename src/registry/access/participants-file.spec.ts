import { expect, it } from 'vitest';
import { tokenHash } from './participants.ts';
import { parseParticipants } from './participants-file.ts';

const TOKEN = 'a-token-that-nobody-guesses';

it('reads tokens, or what they hash to, and what each may do', () => {
  const text = `tokens:
  - {token: ${TOKEN}, role: administer}
  - {sha256: ${tokenHash('another').toUpperCase()}, role: route}
  - {sha256: ${tokenHash('third')}, role: route, scope: default/docs}
  - {sha256: ${tokenHash('fourth')}, role: shard, scope: default/docs/s0}
  - {sha256: ${tokenHash('fifth')}, role: read}
`;
  const participants = parseParticipants(text, 'tokens.yaml');
  const cluster = { namespace: 'default', cluster: 'docs' };
  const roleOf = (token: string): unknown => participants.find(`Bearer ${token}`)?.role;
  expect(roleOf(TOKEN)).toEqual({ kind: 'administer' });
  expect(roleOf('another')).toEqual({ kind: 'route', cluster: null });
  expect(roleOf('third')).toEqual({ kind: 'route', cluster });
  expect(roleOf('fourth')).toEqual({ kind: 'shard', cluster, shard: 's0' });
  expect(roleOf('fifth')).toEqual({ kind: 'read' });
  expect(roleOf('sixth')).toBeUndefined();
  expect(participants.find(undefined)).toBeNull();
  expect(participants.find(`Basic ${TOKEN}`)).toBeNull();
});

it('says what is wrong and where, but never the token', () => {
  const faulty = (...lines: readonly string[]): string => {
    try {
      parseParticipants(`tokens:\n${lines.map((line) => `  - ${line}\n`).join('')}`, 'tokens.yaml');
    } catch (error) {
      return (error as Error).message;
    }
    return 'is right';
  };
  expect(faulty(`{token: short, role: read}`)).toMatch(/^tokens\.yaml:2:\d+ tokens\.0\.token: /);
  expect(faulty(`{token: ${TOKEN}, role: route, scope: docs}`)).toContain(
    'tokens.0.scope: a cluster is namespace/cluster',
  );
  expect(faulty(`{token: ${TOKEN}, role: shard, scope: default/docs}`)).toContain('a shard is namespace/cluster/shard');
  expect(faulty(`{token: ${TOKEN}, role: shard}`)).toContain('a shard is namespace/cluster/shard');
  expect(faulty(`{token: ${TOKEN}, role: read, scope: default/docs}`)).toContain('leave the scope out');
  expect(faulty(`{role: read}`)).toContain('exactly one of token and sha256');
  expect(faulty(`{token: ${TOKEN}, role: read}`, `{sha256: ${tokenHash(TOKEN)}, role: administer}`)).toContain(
    'is listed above',
  );
  expect(faulty(`{sha256: 12, role: read}`)).toContain('tokens.0.sha256');
  expect(faulty(`{token: ${TOKEN}, role: root}`)).toContain('tokens.0.role');
  for (const line of [
    `{token: ${TOKEN}, role: root}`,
    `{tokn: ${TOKEN}}`,
    `{token: [${TOKEN}]}`,
    `{token: ${TOKEN}`,
    `{${TOKEN}: x}`,
  ])
    if (!line.startsWith(`{${TOKEN}`)) expect(faulty(line)).not.toContain(TOKEN);
});
