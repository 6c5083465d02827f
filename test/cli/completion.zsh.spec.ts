import { execFileSync } from 'node:child_process';
import { afterEach, expect, it } from 'vitest';
import { Commands } from '../support/commands.ts';
import { Scope } from '../support/processes.ts';

const scope = new Scope();
afterEach(() => scope.release());

/**
 * Types each line and a tab into an interactive zsh, and `#end` behind what becomes of it. First: what sets completion up, and a
 * file that is evaluated.
 */
const TYPE = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "$1; PS1='rea''dy> '"
zpty -r shell out '*ready> *'
shift
for line in "$@"; do
  zpty -w -n shell "$line"$'\\t\\C-e#end\\C-u'
  zpty -r shell out '*#end*'
  print -r -- "$out"
done
`;

it('has zsh complete commands, options and files, evaluated or from its folder of functions', async () => {
  const { out: script } = await new Commands('').run('completion', 'zsh');
  const folder = scope.folder();
  const evaluated = scope.file('keyway.zsh', script);
  const autoloaded = scope.file('_keyway', script);
  const type = scope.file('type.zsh', TYPE);
  const lines = ['keyway rout', 'keyway kv g', 'keyway kv put demo/x --rev', `keyway validate ${folder.slice(0, -1)}`];
  for (const [setUp, name] of [
    [`autoload -Uz compinit; compinit -u -D; source ${evaluated}`, 'evaluated'],
    [`fpath=(${autoloaded.slice(0, -'/_keyway'.length)} $fpath); autoload -Uz compinit; compinit -u -D`, 'autoloaded'],
  ] as const) {
    const shown = execFileSync('zsh', ['-f', type, setUp, ...lines], { encoding: 'utf8', timeout: 30_000 });
    for (const wanted of ['keyway router', 'keyway kv get', '--revision', folder])
      expect(shown, name).toContain(wanted);
  }
});
