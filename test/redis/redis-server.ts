import { connect } from 'node:net';
import { eventually } from '../support/cluster.ts';
import { freePorts, type Scope } from '../support/processes.ts';

/** A real Redis server, or one of its relatives. */
export interface RedisServer {
  readonly port: number;
}

/** Starts a server that keeps nothing, and waits until it accepts connections. */
export async function startRedis(
  scope: Scope,
  { program = 'redis-server', args = [] }: { program?: string; args?: readonly string[] } = {},
): Promise<RedisServer> {
  const [port = 0] = await freePorts(1);
  const folder = scope.folder();
  const keepsNothing = ['--save', '', '--appendonly', 'no', '--dir', folder];
  scope.run(program, ['--port', String(port), '--bind', '127.0.0.1', ...keepsNothing, ...args]);
  await eventually(() => accepts(port));
  return { port };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
