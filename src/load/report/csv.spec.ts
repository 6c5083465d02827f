import { expect, it } from 'vitest';
import { seriesCsv } from './csv.ts';

const SECOND = { second: 1, requests: 2, errors: 0, p50Ms: 1.5, p99Ms: 2, p999Ms: 2, maxMs: 3, watches: 4 };

it('has a row for each second, and a column for each shard that answered in any', () => {
  expect(
    seriesCsv([
      { ...SECOND, shards: { s0: 2 } },
      { ...SECOND, second: 2, shards: { '=x,"y"': 2 } },
    ]),
  ).toBe(
    [
      'second,requests,errors,p50_ms,p99_ms,p999_ms,max_ms,watches,"\'=x,""y""",s0',
      '1,2,0,1.5,2,2,3,4,0,2',
      '2,2,0,1.5,2,2,3,4,2,0',
      '',
    ].join('\n'),
  );
});
