import { errorCodeIs, type Redirect } from '../../../resp/index.ts';
import { addressText, splitAddress } from '../../../runtime/address.ts';
import type { Upstream } from '../../core/owner/upstream.ts';

/** What is refused for its slot may be asked so often, for whatever reasons servers give: some seconds' worth. */
export const MAX_SENDINGS = 10;

/** Whether a server sends to another one (MOVED, ASK). Clients never hear of that: one that followed would go round the router. */
export function isRedirect(bytes: Uint8Array, start: number, end: number): boolean {
  return errorCodeIs(bytes, start, end, 'MOVED') || errorCodeIs(bytes, start, end, 'ASK');
}

/** Whether a server has carried out nothing because of the slot's state, or its own, which passes. */
export function isPassing(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    isRedirect(bytes, start, end) ||
    errorCodeIs(bytes, start, end, 'TRYAGAIN') ||
    errorCodeIs(bytes, start, end, 'CLUSTERDOWN') ||
    errorCodeIs(bytes, start, end, 'LOADING')
  );
}

/** Where a redirect leads. A server that knows no name of its own leaves the host out: it is its own. IPv6 addresses stand without brackets. */
export function addressIn({ address }: Redirect, asked: Pick<Upstream, 'target'>): string {
  const { host, port } = splitAddress(address);
  return addressText({ host: host === '' ? asked.target.host : host, port });
}
