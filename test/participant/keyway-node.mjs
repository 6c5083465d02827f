/** Imported by programs of tests, before their own code: `keyway/node` is the checkout's, as it is in the published package. */
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (name, context, next) =>
    next(name === 'keyway/node' ? new URL('../../src/index.ts', import.meta.url).href : name, context),
});
