import { expect, it } from 'vitest';
import { ServedKeys } from './served-keys.ts';

function noted(keys: readonly string[]): ServedKeys {
  const served = new ServedKeys();
  for (const key of keys) served.note(Buffer.from(key, 'latin1'), key.length);
  return served;
}

it('names the keys that were asked for and are lost, once, and again where they were asked for since', () => {
  const served = noted(['a', 'b', 'a', 'c']);
  expect(served.takeLost((key) => key[0] !== 0x62)).toEqual(['a', 'c']);
  served.note(Buffer.from('c'), 1);
  expect(served.takeLost(() => true)).toEqual(['b', 'c']);
});

it('remembers no more keys, and no more of their bytes, than it may', () => {
  expect(noted(Array.from({ length: 100_001 }, (_, i) => String(i))).takeLost(() => true)).toHaveLength(100_000);
  const long = Array.from({ length: 20 }, (_, i) => String(i).padEnd(1024 * 1024));
  expect(noted(long).takeLost(() => true)).toHaveLength(16);
});
