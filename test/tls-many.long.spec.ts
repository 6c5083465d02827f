import { afterEach, it } from 'vitest';
import { holdIdleTls } from './support/many-tls-connections.ts';
import { Scope } from './support/processes.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('holds ten thousand idle TLS connections, and serves them', () => holdIdleTls(scope, 10_000), 300_000);
