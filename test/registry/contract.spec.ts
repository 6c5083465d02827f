import { afterEach } from 'vitest';
import { Scope } from '../support/processes.ts';
import { remote, sqlite } from '../support/registries.ts';
import { describeLargestTopologies, describeRegistries } from './contract.ts';

const scope = new Scope();
afterEach(() => scope.release());

describeRegistries(scope, { sqlite, 'remote (keyway registry)': remote });
describeLargestTopologies(scope, [['remote', remote, 9]]);
