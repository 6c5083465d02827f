import { isSamePlace, splitAddress } from '../runtime/address.ts';
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
