import { afterEach, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { holdIdleTls } from './many-connections.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('holds ten thousand idle TLS connections, and serves them', () => holdIdleTls(scope, 10_000), 300_000);
