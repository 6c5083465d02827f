import { expect, it } from 'vitest';
import { BufferPool } from '../../../io/index.ts';
import { KeptBytes } from '../kept-bytes.ts';
import { Transaction } from './transaction.ts';

it('takes more keys than a call takes arguments', () => {
  const transaction = new Transaction(
    new KeptBytes(new BufferPool({ maxUnsentBytes: 2 ** 30, maxBacklogBytes: 2 ** 30 })),
  );
  const keys = Array.from({ length: 200_000 }, (_, i) => String(i));
  transaction.add(new Uint8Array(1), keys, 'other');
  expect(transaction.keysWith([]).others.length + 1).toBe(keys.length);
});
