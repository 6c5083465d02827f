import { expect, it } from 'vitest';
import { FieldCache, HeaderBlock, transientField } from '../../../http/index.ts';
import { routedKeyField, SHARD_KEY, takeRoutersWord } from './routers-word.ts';

function wordOf(...fields: ReadonlyArray<readonly [name: string, value: string]>) {
  const block = new HeaderBlock();
  block.set(fields.map(([name, value]) => transientField(name, value)));
  const { version, key, isRepeated } = takeRoutersWord(block, SHARD_KEY);
  const text = key === null || typeof key === 'string' ? key : key.text;
  return { version, key: text, isRepeated, left: block.copy().map(({ name }) => name.text) };
}

it('takes the version, and the key from where it stands', () => {
  expect(wordOf(['x-shard-key', 'a'], ['x-keyway-version', '12'], ['x-keyway-token', '3'])).toEqual({
    version: 12,
    key: 'a',
    isRepeated: false,
    left: ['x-shard-key'],
  });
  expect(wordOf(['x-other', 'a'], ['x-keyway-version', 'new'])).toMatchObject({ version: 0, key: null });
  expect(wordOf(['x-shard-key', 'a'], ['x-shard-key', 'b'])).toMatchObject({ isRepeated: true });
});

it('believes the router rather than the client', () => {
  const named = wordOf(['x-shard-key', 'a'], ['x-shard-key', 'b'], ['x-keyway-key', 'c']);
  expect(named).toMatchObject({ key: 'c', isRepeated: false, left: ['x-shard-key', 'x-shard-key', 'x-keyway-key'] });
});

it('names keys of any bytes', () => {
  for (const key of ['a/b', ' a% ', 'Ã©', '\r\n\0', '100%', '~!-$&']) {
    const named = routedKeyField(new FieldCache(), key);
    expect(named.valid).toBe(true);
    expect(wordOf(['x-keyway-key', named.text]).key).toBe(key);
  }
  expect(routedKeyField(new FieldCache(), 'a b%').text).toBe('a%20b%25');
});
