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
  const [from, to] = [source, target].map(({ id, port }) => ({ id, address: `127.0.0.1:${port}` }) as Node) as [
    Node,
    Node,
  ];
  const access = {
    login: { username: 'default', password: 'secret' },
    certificates: null,
    timeoutMs: 5000,
    patienceMs: 0,
    random: () => 0,
    clock: () => 0,
  };
  const mover = new RedisSlotMover(access, BLOCK, () => {});
  scope.defer(() => mover.close());
  const migrations = () => source.told.flatMap(({ words }) => (words[0] === 'MIGRATE' ? [words] : []));
  const toldTarget = () => target.told.map(({ words }) => words.join(' ')).filter((words) => words !== 'AUTH secret');
  return { mover, source, target, from, to, migrations, toldTarget };
}

it('says nothing of the arguments of a command that a server does not know: MIGRATE has a password', async () => {
  const echo = "ERR unknown command 'MIGRATE', with args beginning with: '127.0.0.1' 'AUTH' 'secret'";
  const { mover, from, to } = await pair(() => errorReply(echo));
  const moving = mover.moveKeys([5], from, to, 10, 'first');
  await expect(moving).rejects.toThrow(`${from.address} refuses: ERR, a command that it does not know`);
  await expect(moving).rejects.not.toThrow('secret');
});

it('deletes at the target what a batch has left there that was not answered in time, and moves its keys one by one', async () => {
  const { mover, from, to, migrations, toldTarget } = await pair(
    (words) => (words.includes('k1') && words.includes('k2') ? IOERR : OK),
    ['k2'],
  );
  expect(await mover.moveKeys([5], from, to, 10, 'first')).toBe(2);
  expect(migrations().map((words) => words.slice(words.indexOf('KEYS') + 1))).toEqual([['k1', 'k2'], ['k1'], ['k2']]);
  expect(migrations().every((words) => words.includes('REPLACE'))).toBe(true);
  expect(toldTarget().slice(-4)).toEqual(['ASKING', 'MULTI', 'DEL k2', 'EXEC']);
  expect(toldTarget()).toContain('WATCH k2');
});

it('waits for a large key longer and longer, but never so long that its server would look dead', async () => {
  const { mover, from, to, migrations } = await pair(() => IOERR);
  const moving = mover.moveKeys([5], from, to, 10, 'first');
  await expect(moving).rejects.toMatchObject({ isFinal: true });
  await expect(moving).rejects.toThrow('does not move within 1500 ms');
  expect(migrations().map((words) => words[5])).toEqual(['500', '500', '1000', '1500']);
});

it('leaves the target’s value of a key where the source was started again since the slot was opened', async () => {
  const { mover, source, from, to, migrations } = await pair(() => OK, ['k2']);
  expect(await mover.moveKeys([5], from, to, 10, 'another')).toBe(2);
  expect(source.told.filter(({ words }) => words[0] === 'DEL').map(({ words }) => words[1])).toEqual(['k2']);
  expect(migrations().map((words) => words.slice(words.indexOf('KEYS') + 1))).toEqual([['k1']]);
  expect(migrations()[0]).not.toContain('REPLACE');
});

it('moves keys of several slots, those of each by themselves, and no more than it is told to', async () => {
  const { mover, from, to, migrations } = await pair(() => OK);
  expect(await mover.moveKeys([5, 6, 7], from, to, 3, 'first')).toBe(3);
  expect(migrations().map((words) => words.slice(words.indexOf('KEYS') + 1))).toEqual([['k1', 'k2'], ['k1']]);
});

it('names the slot whose key does not move', async () => {
  const { mover, from, to } = await pair((words) => (words.at(-1) === 'k2' ? IOERR : OK));
  await expect(mover.moveKeys([5, 6], from, to, 10, 'first')).rejects.toMatchObject({ isFinal: true, slot: 5 });
});

/** Two nodes that take all that is said of slots, except that the target refuses one of them. */
async function refusing(slot: string) {
  const { mover, source, from, to, target } = await pair(() => OK);
  source.instead = ([name]) => (name === 'CLUSTER' ? OK : undefined);
  target.instead = ([name, , at]) => (name !== 'CLUSTER' ? undefined : at === slot ? errorReply('ERR no') : OK);
  return { mover, from, to, toldSource: () => source.times('CLUSTER') };
}

it('opens no slot at the source where the target refuses one, and has none settled there', async () => {
  const { mover, from, to, toldSource } = await refusing('6');
  await expect(mover.open([5, 6, 7], from, to)).rejects.toThrow('refuses: ERR no');
  await expect(mover.settle([5, 6, 7], from, to, [])).rejects.toThrow('refuses: ERR no');
  expect(toldSource()).toBe(0);
  await mover.open([5, 7], from, to);
  expect(toldSource()).toBe(2);
});
