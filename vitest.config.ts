import { defineConfig } from 'vitest/config';

/** Specs that need more than Node, npm and some seconds say what in their names: `registry-contract.etcd.spec.ts`. */
const NEEDING_MORE = 'test/**/*.*.spec.ts';

export default defineConfig({
  test: {
    globalSetup: 'test/support/nothing-left.ts',
    // Whole-system tests wait for processes more than they compute, so that a core has room for two.
    maxWorkers: 4,
    // On a busy machine processes take their time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: ['src/**/*.spec.ts', 'test/**/*.spec.ts'],
          exclude: [NEEDING_MORE, 'test/conformance/**'],
        },
      },
      { extends: true, test: { name: 'more', include: [NEEDING_MORE] } },
    ],
  },
});
