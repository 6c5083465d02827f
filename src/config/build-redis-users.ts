import { type RedisUserDescription, termsFault } from '../proxy/index.ts';
import type { Report } from '../yaml/index.ts';
import { secretOf } from './build-upstream.ts';
import type { ConfigFile } from './schema/index.ts';

/** How channels begin in which servers tell what happens to keys: with a prefix in them they would be those of all users. */
const OF_KEYS = '__key';

type ConfiguredUser = NonNullable<NonNullable<ConfigFile['listen'][number]['redis']>['users']>[number];

/** The users of an address. @param at where they stand */
export function buildRedisUsers(
  users: readonly ConfiguredUser[],
  at: readonly (string | number)[],
  report: Report,
): RedisUserDescription[] {
  const names = users.map(({ name }) => name);
  if (new Set(names).size < names.length) report(at, 'have a name twice');
  checkPrefixes(users, at, report);
  return users.map((user, i) => redisUserOf(user, [...at, i], report));
}

/** A user as the router knows it. */
function redisUserOf(
  { passwordFile, ...user }: ConfiguredUser,
  at: readonly (string | number)[],
  report: Report,
): RedisUserDescription {
  if (user.name === 'default')
    report(
      [...at, 'name'],
      'is the name of clients that give the password in passwordFile of the listener; choose another',
    );
  const fault = user.commands === undefined ? null : termsFault(user.commands);
  if (fault !== null) report([...at, 'commands'], fault);
  checkPrefix(user, at, report);
  return { ...user, password: secretOf(passwordFile, [...at, 'passwordFile'], report) };
}

/** What servers would read something into, a prefix may not have: tags decide about slots, and no pattern of SORT can have a `*` that means itself. */
function checkPrefix(
  { prefix, prefixes, scripts }: Pick<ConfiguredUser, 'prefix' | 'prefixes' | 'scripts'>,
  at: readonly (string | number)[],
  report: Report,
): void {
  if (scripts !== undefined && prefix === undefined) report([...at, 'scripts'], 'is for users with a prefix');
  if (prefix === undefined) return;
  if (prefixes !== undefined) report([...at, 'prefix'], 'is in place of prefixes: name one of them');
  if (/[{}*]/.test(prefix))
    report(
      [...at, 'prefix'],
      'may not contain {, } or *: tags in its keys decide about their slots, and patterns would not mean it',
    );
  if (prefix.startsWith(OF_KEYS) || OF_KEYS.startsWith(prefix))
    report(
      [...at, 'prefix'],
      'may not begin with __key, nor be its beginning, as channels do in which servers tell what happens to keys',
    );
}

/** Who has the same prefix has the same keys; but whose prefix begins with another's would be seen there. */
function checkPrefixes(users: readonly ConfiguredUser[], at: readonly (string | number)[], report: Report): void {
  for (const [i, { name, prefix }] of users.entries()) {
    const outer = users.find(
      (other) => other.prefix !== undefined && other.prefix !== prefix && prefix?.startsWith(other.prefix),
    );
    if (outer !== undefined)
      report([...at, i, 'prefix'], `begins with that of ${outer.name}, who would see the keys of ${name}`);
  }
}
