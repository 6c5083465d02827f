import { canonicalAddress, type HostPort, splitAddress } from '../runtime/address.ts';
import type { Report } from '../yaml/index.ts';
import type { ConfigFile } from './schema/index.ts';

/** Every address that is listened on is taken by one listener. */
export function checkAddresses({ listen, admin }: Pick<ConfigFile, 'listen' | 'admin'>, report: Report): void {
  const taken = [
    ...listen.map(({ address }, i) => ({ address, path: ['listen', i, 'address'] })),
    { address: admin.address, path: ['admin', 'address'] },
  ];
  taken.forEach(({ address, path }, i) => {
    const other = taken.slice(0, i).find((each) => isSamePlace(splitAddress(each.address), splitAddress(address)));
    if (other === undefined) return;
    const text = other.address === address ? address : `${address}, which is ${other.address} too,`;
    report(path, `${text} is used by ${other.path.join('.')}; give each its own port`);
  });
}

const ANY_IPV4 = '0.0.0.0';
const ANY = '::';

/** Whether two listeners cannot both have their addresses. Port 0 is one that the system chooses. */
export function isSamePlace(one: HostPort, other: HostPort): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  const hosts = [one, other].map(({ host }) => (host === 'localhost' ? '127.0.0.1' : canonicalAddress(host)));
  if (hosts.includes(ANY) || hosts[0] === hosts[1]) return true;
  return hosts.includes(ANY_IPV4) && hosts.every((host) => !host.includes(':'));
}
