import { expect, it } from 'vitest';
import { folded } from './folded.ts';

it('reports a repeated fault ever more rarely, and counts different faults separately', () => {
  const told: string[] = [];
  const tell = folded((message, times) => told.push(`${message} ${times}`));
  for (let i = 0; i < 1000; i++) tell('no such name');
  tell('the file has a fault');
  expect(told).toEqual([
    ...[1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((times) => `no such name ${times}`),
    'the file has a fault 1',
  ]);
});
