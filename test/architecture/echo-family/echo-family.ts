import type { Family } from '../../../src/proxy/core/family.ts';
import type { ClusterOwners } from '../../../src/proxy/core/owner/cluster-owners.ts';
import { echoAnswers } from './echo-answers.ts';
import { EchoPool } from './echo-pool.ts';
import { EchoSession } from './echo-session.ts';

/** All lines go to one cluster. */
export interface EchoSettings {
  readonly cluster: string;
}

/** Keys begin with a small letter, methods of HTTP with a capital one. */
function isSmallLetter(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x61 && byte <= 0x7a;
}

/** Lines `KEY text`, each answered by a line of the key's shard. */
export const echo: Family<'echo', EchoSettings> = {
  name: 'echo',
  counted: {
    refusals: ['no_owner', 'held_too_long', 'held_too_many', 'no_lease', 'failure'],
    floods: [],
    statuses: [echoAnswers],
  },
  async load(settings) {
    let { cluster } = settings;
    return (host) => ({
      doors: [
        {
          alpn: 'echo',
          claims: (bytes, start) => (isSmallLetter(bytes[start]) ? 'yes' : 'no'),
          accept: (accepted) =>
            new EchoSession(accepted, host, () => host.ownersIn(cluster) as ClusterOwners<EchoPool>),
        },
      ],
      pools: { echo: (endpoint) => new EchoPool(host.context, endpoint) },
      prepare: (next) => ({
        apply: () => {
          cluster = next.cluster;
        },
        discard: () => {},
      }),
      onOwners: () => {},
      stop: async () => {},
    });
  },
};
