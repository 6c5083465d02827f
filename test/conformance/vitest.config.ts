import { defineConfig } from 'vitest/config';

/** `npm run conformance`: apart from `npm test`, because it needs Go and Python to install its peers. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.spec.ts'],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
