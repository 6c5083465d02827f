import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback, splitAddress } from '../runtime/address.ts';
import { type Answer, text } from './answer.ts';

/** The names by which clients may ask for an address. */
export interface ServedNames {
  /** Where it listens. */
  readonly host: string;
  /** Names by which it is asked besides: through a proxy, say. */
  readonly names: readonly string[];
  /** Where people write them. */
  readonly setting: string;
}

/**
 * Why a request may come from a page in a user's browser, and so is refused; null where it does not. A page of another
 * site says so itself (`origin`, `sec-fetch-site`: Fetch Metadata, 2.3). A page whose own name was made to lead here (DNS
 * rebinding) is recognised by the name that it asks for. Programs such as curl and Prometheus send neither.
 *
 * @param bearsToken a page cannot know the token: a request that shows it may ask by any name
 */
export function refusalOf(request: IncomingMessage, served: ServedNames, bearsToken: boolean): Answer | null {
  const { headers, headersDistinct } = request;
  const hosts = headersDistinct.host ?? [];
  if (hosts.length > 1) return text(400, 'host appears more than once');
  const [host] = hosts;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    return text(403, 'pages of other sites may not use this address');
  const { origin } = headers;
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
    return text(403, 'pages of other origins may not use this address');
  // Off loopback any page can ask by address: there it is the token that keeps pages away.
  if (bearsToken || !isLoopback(served.host) || host === undefined || isNameOf(served, host)) return null;
  return text(403, `this host name is not allowed: use localhost or the address, or add the name to ${served.setting}`);
}

function isNameOf({ host, names }: ServedNames, asked: string): boolean {
  const name = nameIn(asked);
  if (name === 'localhost' || name === host.toLowerCase()) return true;
  if (isIP(name) !== 0 && isLoopback(name)) return true;
  return names.some((each) => each.toLowerCase() === name);
}

/** The name in a `host` header (RFC 9110, 7.2), without its port: port forwards change that. */
function nameIn(host: string): string {
  const lower = host.toLowerCase();
  return /^(?:\[[0-9a-f:.]+\]|[^:]+):[0-9]+$/.test(lower)
    ? splitAddress(lower).host
    : lower.replace(/^\[(.*)\]$/, '$1');
}
