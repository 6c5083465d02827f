import { Argument, Command } from 'commander';
import {
  countSlots,
  directed,
  isOver,
  MIGRATION_VERBS,
  type Migration,
  type MigrationVerb,
  StoredQueue,
} from '../../../controller/index.ts';
import { formatSlotRanges } from '../../../topology/index.ts';
import { integerOption } from '../../options/options.ts';
import { inRegistry } from '../../options/registry-option.ts';
import { listing } from '../../output/table.ts';
import { writeOut } from '../../output/terminal.ts';
import { type LedClusterFlags, withLedCluster } from './led-cluster-options.ts';
import { stepsText } from './planned.ts';

interface MigrationsFlags extends LedClusterFlags {
  readonly json?: true;
}

const COLUMNS = {
  ID: ({ id }: Migration) => id,
  FROM: ({ from }: Migration) => from,
  TO: ({ to }: Migration) => to,
  STATE: stateOf,
  MOVED: (each: Migration) => `${each.slots - countSlots(each.left)} of ${each.slots}`,
  KEYS: ({ movedKeys }: Migration) => movedKeys,
  NOW: nowOf,
  REASON: ({ reason }: Migration) => reason ?? '',
};

/** `keyway redis migrations`: how far migrations are, and whether they go on. */
export function migrationsCommand(): Command {
  return withLedCluster(
    new Command('migrations').description('show the migrations of a cluster, or pause, resume or cancel them'),
  )
    .addArgument(new Argument('[verb]', 'what to do').choices(MIGRATION_VERBS))
    .argument('[number]', 'of one migration; without it, all of them', integerOption(1, Number.MAX_SAFE_INTEGER))
    .option('--json', 'print one JSON object per migration, then one per shard that joins or leaves, each on a line')
    .addHelpText('after', '\nExample:\n  keyway redis migrations cache\n  keyway redis migrations cache pause 3')
    .action((cluster: string, verb: MigrationVerb | undefined, id: number | undefined, flags: MigrationsFlags) =>
      inRegistry(flags, async (registry) => {
        const stored = new StoredQueue(registry, { namespace: flags.namespace, cluster });
        const { migrations, steps } =
          verb === undefined
            ? await stored.read()
            : await stored.change((queue) => directed(queue, verb, id ?? null), null);
        const isJson = flags.json === true;
        const rows = isJson
          ? listing([...migrations.map(documentOf), ...steps], {}, true)
          : listing(migrations, COLUMNS, false, `${cluster} has no migrations`);
        writeOut(isJson ? rows : `${rows}${stepsText(steps)}`);
      }),
    );
}

/** The slots that are on their way: the first one, and how many more. */
function nowOf({ open }: Migration): string {
  const ranges = open === null ? [] : [...open.moving, ...open.settling];
  const count = countSlots(ranges);
  if (count === 0) return '-';
  const first = Math.min(...ranges.map(([slot]) => slot));
  return count === 1 ? String(first) : `${first} and ${count - 1} more`;
}

/** Slots that are on their way are completed first. */
function stateOf(migration: Migration): string {
  const { state, open } = migration;
  if (state === 'cancelled' && !isOver(migration)) return 'cancelling';
  return state === 'paused' && open !== null ? 'pausing' : state;
}

function documentOf({ left, settled, open, ...rest }: Migration): object {
  return {
    ...rest,
    left: formatSlotRanges(left),
    settled: formatSlotRanges(settled),
    open:
      open === null
        ? null
        : { ...open, moving: formatSlotRanges(open.moving), settling: formatSlotRanges(open.settling) },
  };
}
