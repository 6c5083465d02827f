import { BlockList, isIP } from 'node:net';
import { canonicalAddress } from '../../../runtime/address.ts';

/** How a node was reached that tells of its cluster. */
export interface Reached {
  /** The host that was dialled, which may be a name. */
  readonly host: string;
  /** The IP address that it was found at. */
  readonly ip: string;
}

/** Addresses that a listener may have, and that nobody can connect to. */
const NOBODY = listOf(['0.0.0.0/8', '224.0.0.0/3'], ['::/128', 'ff00::/8']);
/** Addresses that mean another host on each machine: a node's own are not the router's. */
const LOOPBACK = listOf(['127.0.0.0/8'], ['::1/128']);
/** Addresses of one network segment; the services of cloud machines that hand out credentials are among them. */
const LINK_LOCAL = listOf(['169.254.0.0/16'], ['fe80::/10']);

function listOf(v4: readonly string[], v6: readonly string[]): BlockList {
  const list = new BlockList();
  for (const [kind, networks] of [
    ['ipv4', v4],
    ['ipv6', v6],
  ] as const)
    for (const network of networks) {
      const [address = '', bits] = network.split('/');
      list.addSubnet(address, Number(bits), kind);
    }
  return list;
}

/** Names that mean the loopback address everywhere (RFC 6761, section 6.3), or on most machines. */
const LOOPBACK_NAME = /^(?:.*\.)?localhost(?:\.localdomain)?$|^ip6-(?:localhost|loopback)$/;
/** A name in the DNS, or as machines have them among themselves. */
const NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/;
/** What ends in a number is an IPv4 address to resolvers (`127.1`, `0x7f000001`), however it is written. */
const NUMERIC = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

/**
 * The host by which a node is reached that another node, or it itself, tells of; null where it is none to connect to. Nodes have no say about
 * hosts on the router's own machine: a loopback address counts only where it comes from one.
 * @param isOwn it is the host of the node that was asked, which is certainly there where it was reached
 */
export function hostTold(host: string, isOwn: boolean, reached: Reached): string | null {
  const place = placeOf(host);
  if (place === 'elsewhere') return host;
  if (place !== 'nowhere' && place === placeOf(reached.ip)) return host;
  return isOwn && place !== 'no host' ? reached.host : null;
}

type Place = 'elsewhere' | 'loopback' | 'link-local' | 'nowhere' | 'no host';

function placeOf(host: string): Place {
  if (host === '') return 'nowhere';
  const canonical = canonicalAddress(host).replace(/\.$/, '');
  const version = isIP(canonical);
  if (version === 0) {
    if (!NAME.test(canonical) || NUMERIC.test(canonical)) return 'no host';
    return LOOPBACK_NAME.test(canonical) ? 'loopback' : 'elsewhere';
  }
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (NOBODY.check(canonical, family)) return 'nowhere';
  if (LOOPBACK.check(canonical, family)) return 'loopback';
  return LINK_LOCAL.check(canonical, family) ? 'link-local' : 'elsewhere';
}
