import { execFileSync } from 'node:child_process';
import { afterEach, expect, it } from 'vitest';
import { Commands } from '../support/commands.ts';
import { Scope } from '../support/processes.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('has fish complete commands and options, and say what they are', async () => {
  const { out } = await new Commands('').run('completion', 'fish');
  const script = scope.file('keyway.fish', out);
  const complete = (line: string): string =>
    execFileSync('fish', ['-c', `source ${script}; complete -C ${JSON.stringify(line)}`], { encoding: 'utf8' });
  expect(complete('keyway rout')).toBe('router\trun a router\n');
  expect(complete('keyway kv g')).toBe('get\tprint a document\n');
  expect(complete('keyway kv put demo/x --rev')).toMatch(/^--revision\t.*\n$/);
});
