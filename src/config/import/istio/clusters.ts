import { address as addressSchema } from '../../../topology/index.ts';
import { isWithin, specificity } from '../domains.ts';
import type { Difference } from '../fields.ts';
import { type ShardsByHost, shardsAt } from '../shards.ts';
import { type HashPolicy, type ImportedRule, policiesOf, policyFor } from './destination-rule.ts';
import { firstLabel, groupHosts, type HostGroup } from './hosts.ts';
import type { Destination } from './virtual-service.ts';

/** A cluster of ours: a host's endpoints, or a subset of them, at one port. */
export interface ImportedCluster {
  readonly name: string;
  readonly policy: HashPolicy | null;
  readonly shards: ReadonlyArray<{ readonly id: string; readonly address: string }>;
}

/** As far as a destination says none. */
const DEFAULT_PORT = 8080;

/** Makes clusters of the hosts that routes go to. */
export class Clusters {
  readonly #rules: readonly ImportedRule[];
  readonly #shards: ShardsByHost;
  readonly #differences: Difference[];
  readonly #groups: readonly HostGroup[];
  readonly #destinations: readonly Destination[];
  readonly #made = new Map<string, ImportedCluster>();
  readonly #usedPolicies = new Set<HashPolicy>();
  readonly #usedShards = new Set<string>();

  constructor(
    destinations: readonly Destination[],
    rules: readonly ImportedRule[],
    shards: ShardsByHost,
    differences: Difference[],
  ) {
    this.#destinations = destinations;
    this.#rules = rules;
    this.#shards = shards;
    this.#differences = differences;
    const named = rules.map(({ host }) => host).filter((host) => !host.includes('*'));
    this.#groups = groupHosts([...destinations.map(({ host }) => host), ...named]);
  }

  get all(): readonly ImportedCluster[] {
    return [...this.#made.values()];
  }

  /** The cluster of a destination, the same for the same one. */
  of(destination: Destination): ImportedCluster {
    const group = this.#groupOf(destination.host);
    const name = this.#nameOf(destination, group);
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const policy = policyFor(destination, this.#ruleOf(destination.host, group));
    const made = { name, policy, shards: this.#shardsOf(name, destination, group) };
    if (policy !== null) this.#usedPolicies.add(policy);
    else {
      const reason =
        'no DestinationRule has a consistent hash for it: its requests need a key, by default in x-shard-key';
      this.#differences.push({ kind: 'changed', field: `host ${destination.host}`, reason });
    }
    this.#made.set(name, made);
    return made;
  }

  /**
   * Reports which rules decide about nothing that is routed to.
   * @returns names in the list of shards that no cluster has
   */
  finish(): string[] {
    for (const rule of this.#rules)
      for (const policy of policiesOf(rule))
        if (!this.#usedPolicies.has(policy))
          this.#differences.push({ kind: 'left out', field: policy.place, reason: 'no route leads to its host' });
    return Object.keys(this.#shards).filter((name) => !this.#usedShards.has(name));
  }

  #groupOf(host: string): HostGroup {
    return this.#groups.find(({ names }) => names.has(host)) as HostGroup;
  }

  /** The first label, such as yorkie of yorkie.default.svc.cluster.local, where no other host has it; and subset and port where there are several. */
  #nameOf({ subset, port }: Destination, group: HostGroup): string {
    const label = firstLabel(group.name);
    const isUnique = this.#groups.filter(({ name }) => firstLabel(name) === label).length === 1;
    const host = isUnique ? label : group.name.replace(/\.svc\.cluster\.local$/, '');
    const ports = new Set(
      this.#destinations.filter((each) => group.names.has(each.host)).flatMap((each) => each.port ?? []),
    );
    const parts = [
      host,
      ...(subset === undefined ? [] : [subset]),
      ...(ports.size > 1 && port !== undefined ? [port] : []),
    ];
    return (
      parts
        .join('-')
        .replaceAll(/[^A-Za-z0-9_-]/g, '-')
        .replace(/^[_-]+/, '') || 'cluster'
    );
  }

  /** The rule of the host itself, else of the narrowest wildcard that it is within. */
  #ruleOf(host: string, group: HostGroup): ImportedRule | undefined {
    const own = this.#rules.find((rule) => group.names.has(rule.host));
    const wider = this.#rules.filter((rule) => rule.host.includes('*') && isWithin(host, rule.host));
    return own ?? wider.sort((a, b) => specificity(b.host) - specificity(a.host))[0];
  }

  #shardsOf(name: string, { host, subset, port }: Destination, group: HostGroup): ImportedCluster['shards'] {
    const names = [name, ...group.names, firstLabel(group.name)];
    const of = subset === undefined ? names : [name, ...names.slice(1).map((each) => `${each}/${subset}`)];
    const given = of.find((each) => this.#shards[each] !== undefined);
    if (given === undefined) {
      const what = subset === undefined ? `host ${host}` : `host ${host}, subset ${subset}`;
      this.#differences.push({
        kind: 'left out',
        field: what,
        reason: `Istio finds its endpoints in Kubernetes: list them as shards of ${name}`,
      });
    } else this.#usedShards.add(given);
    return shardsAt(name, (given === undefined ? undefined : this.#shards[given]) ?? [standIn(host, port, name)]);
  }
}

/** A stand-in address, which the user replaces when editing the config: the host's own, where that is one. */
function standIn(host: string, port: number | undefined, cluster: string): string {
  const at = (name: string): string => `${name}:${port ?? DEFAULT_PORT}`;
  const own = at(host.replace(/^\*\.?/, ''));
  return addressSchema.safeParse(own).success ? own : at(cluster);
}
