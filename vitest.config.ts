import { defineConfig } from 'vitest/config';
import { ToursFirst } from './test/support/tours-first.ts';

/** Specs that need more than Node, npm and some seconds say what in their names: `contract.etcd.spec.ts`. */
const NEEDING_MORE = 'test/**/*.*.spec.ts';
/** Of these, those that take minutes, or measure what a process takes: they want the machine for themselves. */
const LONG = 'test/**/*.long.spec.ts';
/** They put a module of their own in another's place, in a process that no other spec sees. */
const REPLACING = 'test/architecture/new-*.spec.ts';
/** Tests start the command hundreds of times: what these start is a build of it. What the others start is the command as it is in the checkout. */
const BUILT = { KEYWAY_TESTED: 'built' };

export default defineConfig({
  test: {
    globalSetup: 'test/support/whole-run.ts',
    // Whole-system tests wait for processes more than they compute, so that two cores have room for three.
    maxWorkers: 3,
    // On a busy machine processes take their time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    sequence: { sequencer: ToursFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          env: BUILT,
          // To load what specs import takes as long as most of them do: the files of a process share it, and nothing that they change.
          isolate: false,
          include: ['src/**/*.spec.ts', 'test/**/*.spec.ts'],
          exclude: [NEEDING_MORE, REPLACING, 'test/conformance/**'],
        },
      },
      { extends: true, test: { name: 'node:replacing', env: BUILT, include: [REPLACING] } },
      { extends: true, test: { name: 'more', include: [NEEDING_MORE], exclude: [LONG] } },
      // One at a time, and behind all others.
      { extends: true, test: { name: 'long', include: [LONG], maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
