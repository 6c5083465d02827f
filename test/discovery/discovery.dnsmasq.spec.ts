import { afterEach, expect, it } from 'vitest';
import { freePorts, type Running, Scope } from '../support/processes.ts';
import { becomes, shardsOf, startRegistry } from './discovered-shards.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** A DNS server with these records. */
async function dns(port: number, records: readonly string[]): Promise<Running> {
  const quiet = ['--no-resolv', '--no-hosts', '--keep-in-foreground', '--log-facility=-', '--conf-file=/dev/null'];
  const place = ['--port', String(port), '--listen-address', '127.0.0.1', '--bind-interfaces', '--user=root'];
  const running = scope.run('dnsmasq', [...quiet, ...place, ...records]);
  await running.printed(/started, version/);
  return running;
}

it("follows SRV records: a pod's new address moves no key, and an outage of the DNS changes nothing", async () => {
  const { registry, where } = await startRegistry(scope);
  const [port = 0] = await freePorts(1);
  const srv = (pod: number, at: number): string[] => [
    `--srv-host=_grpc._tcp.shards.test,shard-${pod}.shards.test,${at}`,
    `--host-record=shard-${pod}.shards.test,10.0.0.${pod}`,
  ];
  const first = await dns(port, [...srv(10, 9101), ...srv(2, 9101)]);
  const options = ['--srv', '_grpc._tcp.shards.test', '--dns-server', `127.0.0.1:${port}`, '--refresh', '50ms'];
  const discover = scope.keyway(['discover', '--cluster', 'docs', ...options, ...where]);
  await becomes(registry, 'shard-2@shard-2.shards.test:9101*1 shard-10@shard-10.shards.test:9101*1');
  await first.end('SIGKILL');
  await discover.printed(/cannot be resolved/);
  expect(await shardsOf(registry)).toContain('shard-10');
  await dns(port, [...srv(2, 9102), ...srv(3, 9101)]);
  await becomes(registry, 'shard-2@shard-2.shards.test:9102*1 shard-3@shard-3.shards.test:9101*1');
});

it('follows the addresses of a headless service', async () => {
  const { registry, where } = await startRegistry(scope);
  const [port = 0] = await freePorts(1);
  await dns(port, ['--host-record=shards.test,10.0.0.2', '--host-record=shards.test,10.0.0.1']);
  const options = ['--hosts', 'shards.test', '--port', '9101', '--dns-server', `127.0.0.1:${port}`];
  scope.keyway(['discover', '--cluster', 'docs', ...options, ...where]);
  await becomes(registry, '10-0-0-1@10.0.0.1:9101*1 10-0-0-2@10.0.0.2:9101*1');
});
