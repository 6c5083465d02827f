import { afterEach, expect, it } from 'vitest';
import { FakeRedis } from '../../../../test/redis/fake-redis.ts';
import { Scope } from '../../../../test/support/processes.ts';
import { arrayReply, bulkReply, errorReply, integerReply, OK } from '../../../resp/index.ts';
import type { Node } from '../../../topology/index.ts';
import { RedisSlotMover } from './redis-slot-mover.ts';

const scope = new Scope();
afterEach(() => scope.release());

const BLOCK = { usualMs: 500, longestMs: 1500 };
const IOERR = errorReply('IOERR error or timeout reading to target instance');

/** A source with two keys of slot 5, and the target to which they move. @param atTarget the keys that are there already */
async function pair(migrate: (words: readonly string[]) => Uint8Array, atTarget: readonly string[] = []) {
  const [source, target] = [await FakeRedis.start(scope, 'source'), await FakeRedis.start(scope, 'target')];
  source.instead = (words) => {
    if (words[0] === 'INFO') return bulkReply('# Server\r\nrun_id:first\r\n');
    if (words[0] === 'CLUSTER') return arrayReply([bulkReply('k1'), bulkReply('k2')]);
    if (words[0] === 'EXISTS' || words[0] === 'DEL') return integerReply(1);
    return words[0] === 'MIGRATE' ? migrate(words) : undefined;
  };
  target.instead = ([name = '', key = '']) => {
    if (name === 'EXISTS') return integerReply(atTarget.includes(key) ? 1 : 0);
    if (name === 'EXEC') return arrayReply([integerReply(1)]);
    return ['WATCH', 'UNWATCH', 'MULTI', 'DEL'].includes(name) ? OK : undefined;
  };
  const [from, to] = [source, target].map(({ port }) => ({ address: `127.0.0.1:${port}` }) as Node) as [Node, Node];
  const access = { login: { username: 'default', password: 'secret' }, timeoutMs: 5000, random: () => 0 };
  const mover = new RedisSlotMover(access, BLOCK, () => {});
  scope.defer(() => mover.close());
  const migrations = () => source.told.flatMap(({ words }) => (words[0] === 'MIGRATE' ? [words] : []));
  const toldTarget = () => target.told.map(({ words }) => words.join(' ')).filter((words) => words !== 'AUTH secret');
  return { mover, source, from, to, migrations, toldTarget };
}

it('says nothing of the arguments of a command that a server does not know: MIGRATE has a password', async () => {
  const echo = "ERR unknown command 'MIGRATE', with args beginning with: '127.0.0.1' 'AUTH' 'secret'";
  const { mover, from, to } = await pair(() => errorReply(echo));
  const moving = mover.moveKeys(5, from, to, 10, 'first');
  await expect(moving).rejects.toThrow(`${from.address} refuses: ERR, a command that it does not know`);
  await expect(moving).rejects.not.toThrow('secret');
});

it('deletes at the target what a batch has left there that was not answered in time, and moves its keys one by one', async () => {
  const { mover, from, to, migrations, toldTarget } = await pair(
    (words) => (words.includes('k1') && words.includes('k2') ? IOERR : OK),
    ['k2'],
  );
  expect(await mover.moveKeys(5, from, to, 10, 'first')).toBe(2);
  expect(migrations().map((words) => words.slice(words.indexOf('KEYS') + 1))).toEqual([['k1', 'k2'], ['k1'], ['k2']]);
  expect(migrations().every((words) => words.includes('REPLACE'))).toBe(true);
  expect(toldTarget().slice(-4)).toEqual(['ASKING', 'MULTI', 'DEL k2', 'EXEC']);
  expect(toldTarget()).toContain('WATCH k2');
});

it('waits for a large key longer and longer, but never so long that its server would look dead', async () => {
  const { mover, from, to, migrations } = await pair(() => IOERR);
  const moving = mover.moveKeys(5, from, to, 10, 'first');
  await expect(moving).rejects.toMatchObject({ isFinal: true });
  await expect(moving).rejects.toThrow('does not move within 1500 ms');
  expect(migrations().map((words) => words[5])).toEqual(['500', '500', '1000', '1500']);
});

it('leaves the target’s value of a key where the source was started again since the slot was opened', async () => {
  const { mover, source, from, to, migrations } = await pair(() => OK, ['k2']);
  expect(await mover.moveKeys(5, from, to, 10, 'another')).toBe(2);
  expect(source.told.filter(({ words }) => words[0] === 'DEL').map(({ words }) => words[1])).toEqual(['k2']);
  expect(migrations().map((words) => words.slice(words.indexOf('KEYS') + 1))).toEqual([['k1']]);
  expect(migrations()[0]).not.toContain('REPLACE');
});
