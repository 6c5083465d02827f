import { isWithin } from '../domains.ts';

/** Names of hosts as Istio has them, and which of them mean the same. */

const SERVICE = /^([^.]+)\.([^.]+)\.svc\.cluster\.local$/;

/** A service's name in full, as Istio makes one of a short name in the namespace of what names it. */
export function fullName(host: string, namespace: string | undefined): string {
  const isShort = !host.includes('.') && !host.includes('*');
  return isShort && namespace !== undefined ? `${host}.${namespace}.svc.cluster.local` : host;
}

/**
 * The names by which clients may ask for a host: a service has short ones too. Without a wildcard, these are all.
 * @param namespace whose clients may leave the namespace out
 */
export function askedAs(host: string, namespace: string | undefined): string[] {
  const service = SERVICE.exec(fullName(host, namespace));
  if (service === null) return [host];
  const [full, name = '', within = ''] = service;
  const short = host === name || within === namespace ? [name] : [];
  return [...short, `${name}.${within}`, `${name}.${within}.svc`, full];
}

export function firstLabel(host: string): string {
  return host.split('.')[0] ?? '';
}

/** The hosts that both lists allow: of two of which one is wider the other. */
export function commonHosts(one: readonly string[], other: readonly string[]): string[] {
  const narrower = one.flatMap((a) => other.flatMap((b) => (isWithin(a, b) ? [a] : isWithin(b, a) ? [b] : [])));
  return [...new Set(narrower)];
}

/** One service that several names may mean. */
export interface HostGroup {
  /** The longest of its names. */
  readonly name: string;
  readonly names: ReadonlySet<string>;
}

/**
 * Finds out which names are of one service. A name without a namespace, where no file says one, is of the only service with
 * that first label, or stands alone.
 */
export function groupHosts(names: readonly string[]): HostGroup[] {
  const full = [...new Set(names)].filter((name) => name.includes('.'));
  const groups = full.map((name) => ({ name, names: new Set([name]) }));
  for (const short of new Set(names.filter((name) => !name.includes('.')))) {
    const services = groups.filter(({ name }) => SERVICE.test(name) && firstLabel(name) === short);
    const [only, another] = services;
    if (only !== undefined && another === undefined) only.names.add(short);
    else groups.push({ name: short, names: new Set([short]) });
  }
  return groups;
}
