import { addressText, canonicalAddress } from '../../../runtime/address.ts';
import type { ListedClient } from '../listed-client.ts';

/** Where a client comes from: with the PROXY protocol its own host, and the port of the balancer's connection. */
export function peerOf({ accepted }: ListedClient): string {
  return addressText({ host: accepted.clientAddress, port: accepted.socket.remotePort ?? 0 });
}

/** The address of the router that a client has come to. */
export function localOf({ accepted }: ListedClient): string {
  const { localAddress = '', localPort = 0 } = accepted.socket;
  return addressText({ host: canonicalAddress(localAddress), port: localPort });
}

/** A client's type, as CLIENT LIST and CLIENT KILL know it: replicas and primaries are no clients of a router. */
export function typeOf({ subscriber }: ListedClient): 'normal' | 'pubsub' {
  return subscriber?.isListening === true ? 'pubsub' : 'normal';
}

function flagsOf(client: ListedClient): string {
  const flags = [typeOf(client) === 'pubsub' ? 'P' : '', client.transaction === null ? '' : 'x'].join('');
  return flags === '' ? 'N' : flags;
}

/** A line as CLIENT LIST has them, as far as the router knows of it. */
export function lineOf(client: ListedClient, nowMs: number): string {
  const { id, name, protocol, idleMs, beganMs, transaction, subscriber, lastCommand } = client;
  const heard = (kind: 'channel' | 'pattern' | 'shard-channel'): number => subscriber?.countOf(kind) ?? 0;
  const fields: ReadonlyArray<readonly [name: string, value: string | number]> = [
    ['id', id],
    ['addr', peerOf(client)],
    ['laddr', localOf(client)],
    ['name', name],
    ['age', Math.floor((nowMs - beganMs) / 1000)],
    ['idle', Math.floor(idleMs / 1000)],
    ['flags', flagsOf(client)],
    ['db', 0],
    ['sub', heard('channel')],
    ['psub', heard('pattern')],
    ['ssub', heard('shard-channel')],
    ['multi', transaction?.count ?? -1],
    ['cmd', lastCommand?.name ?? 'NULL'],
    ['user', client.user.name],
    ['redir', -1],
    ['resp', protocol],
  ];
  return `${fields.map(([field, value]) => `${field}=${value}`).join(' ')}\n`;
}
