import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    exclude: ['test/conformance/**', 'node_modules/**'],
    include: ['src/**/*.spec.ts', 'test/**/*.spec.ts'],
    // Whole-system tests start processes; on a busy machine these take their time.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
