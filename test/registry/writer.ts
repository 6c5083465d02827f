import { writeSync } from 'node:fs';
import { Registry, SqliteStore } from '../../src/registry/index.ts';

/** Commits one topology after the other, and writes a line for each that is acknowledged, until it is killed. */
const [file = '', cluster = ''] = process.argv.slice(2);
const clock = (): number => performance.now();
const registry = new Registry(new SqliteStore(file, clock), {
  clock,
  timeOfDay: () => new Date().toISOString(),
  random: Math.random,
});
for (;;) {
  const current = await registry.topologies.read({ namespace: 'default', cluster });
  const mark = (current?.version ?? 0) + 1;
  const { version } = await registry.topologies.commit({
    namespace: 'default',
    name: cluster,
    version: null,
    placement: { name: 'fixedRing', options: { entriesPerWeight: 16 } },
    hashOn: 'id',
    // Twenty shards whose weights all tell the version: a torn one would show.
    shards: Array.from({ length: 20 }, (_, i) => ({ id: `s${i}`, address: `10.0.0.${i}:1`, weight: mark })),
  });
  writeSync(1, `${version}\n`);
}
