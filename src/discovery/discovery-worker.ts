import { machine } from '../runtime/machine-clock.ts';
import { answerCalls, startedBy, ThreadCaller } from '../runtime/thread-calls.ts';
import { shareCluster } from '../topology/index.ts';
import { type DiscoveredCluster, describeFound, sourceOfServers } from './discovered-cluster.ts';
import type { DiscoveryCalls, DiscoveryNews } from './discovery-thread.ts';
import type { FoundShard } from './found-shards.ts';

const { starter } = startedBy<null>();
const news = new ThreadCaller<DiscoveryNews>(starter);
const followed = new Map<string, AbortController>();

answerCalls<DiscoveryCalls>(starter, {
  follow: (cluster) => {
    const stopping = new AbortController();
    followed.set(cluster.name, stopping);
    void follow(cluster, stopping.signal);
  },
  leave: (name) => {
    followed.get(name)?.abort();
    followed.delete(name);
  },
  stop: () => {
    for (const stopping of followed.values()) stopping.abort();
    starter.close();
  },
});

async function follow(cluster: DiscoveredCluster, signal: AbortSignal): Promise<void> {
  const { name } = cluster;
  const onFault = (message: string): void => news.notify('fault', name, message);
  for await (const shards of sourceOfServers(cluster, machine.random)(signal, onFault))
    if (shards.length > 0) tell(cluster, shards, onFault);
}

function tell(cluster: DiscoveredCluster, shards: readonly FoundShard[], onFault: (message: string) => void): void {
  try {
    news.notify('found', cluster.name, shareCluster(describeFound(cluster, shards), null));
  } catch (error) {
    onFault(`what the nodes say makes no cluster: ${(error as Error).message}`);
  }
}
