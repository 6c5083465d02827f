import { afterEach } from 'vitest';
import { Scope } from '../support/processes.ts';
import { remote, served, sqlite } from '../support/registries.ts';
import { describeLargestTopologies, describeRegistries } from './contract.ts';

const scope = new Scope();
afterEach(() => scope.release());

describeRegistries(scope, { sqlite: [sqlite], 'remote (keyway registry)': [served, remote] });
describeLargestTopologies(scope, [['remote', served, 9]]);
