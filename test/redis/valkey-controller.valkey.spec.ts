import { afterEach, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { replaceKilled } from './killed-primaries.ts';
import { moveUnderLoad } from './moving-slots.ts';
import { fetchValkey } from './valkey.ts';

const scope = new Scope();
afterEach(() => scope.release());

it(
  'has a replica take over from a primary that is killed, under load; what comes back follows it; another controller goes on',
  () => replaceKilled(scope, fetchValkey()),
  120_000,
);

it(
  'moves slots with their keys under load; another controller goes on where one is killed; clients see nothing of it',
  () => moveUnderLoad(scope, fetchValkey()),
  120_000,
);
