import { expect, it } from 'vitest';
import { oncePerObject } from './once-per-object.ts';

it('makes something of each object once', () => {
  let made = 0;
  const sizeOf = oncePerObject(({ size }: { size: number | undefined }) => {
    made++;
    return size;
  });
  const [one, other] = [{ size: 1 }, { size: undefined }];
  expect([sizeOf(one), sizeOf(other), sizeOf(one), sizeOf(other)]).toEqual([1, undefined, 1, undefined]);
  expect(made).toBe(2);
});

it('tries again what has failed', () => {
  let isWell = false;
  const textOf = oncePerObject((_source: object) => {
    if (!isWell) throw new Error('not yet');
    return 'well';
  });
  const source = {};
  expect(() => textOf(source)).toThrow('not yet');
  isWell = true;
  expect(textOf(source)).toBe('well');
});
