import { expect, it } from 'vitest';
import { bearsToken } from './bearer-token.ts';

it('takes the token and nothing like it', () => {
  expect(bearsToken('Bearer secret', 'secret')).toBe(true);
  expect(bearsToken('bearer secret', 'secret')).toBe(true);
  for (const other of [undefined, '', 'secret', 'Bearer', 'Bearer ', 'Bearer secre', 'Bearer secrett', 'Basic secret'])
    expect(bearsToken(other, 'secret')).toBe(false);
  expect(bearsToken(undefined, '')).toBe(false);
});
