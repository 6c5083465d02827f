import { expect, it } from 'vitest';
import { folded } from './folded.ts';

it('reports a repeated fault ever more rarely, and counts different faults separately', () => {
  const reported: string[] = [];
  const report = folded((message, times) => reported.push(`${message} ${times}`));
  for (let i = 0; i < 1000; i++) report('no such name');
  report('the file has a fault');
  expect(reported).toEqual([
    ...[1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((times) => `no such name ${times}`),
    'the file has a fault 1',
  ]);
});
