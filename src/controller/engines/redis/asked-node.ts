import type { RespClient } from '../../../resp/index.ts';
import { splitAddress } from '../../../runtime/address.ts';
import { textIn } from '../ask-node.ts';

/** The lines of CLUSTER NODES of those that have shaken hands. */
export async function linesOf(client: RespClient, address: string): Promise<string[]> {
  const lines = textIn(await client.ask(['CLUSTER', 'NODES']), address).split('\n');
  return lines.filter((line) => !line.split(' ')[2]?.includes('handshake'));
}

/** Whether a line of CLUSTER NODES is about this node. */
export function isOf(id: string): (line: string) => boolean {
  return (line) => line.startsWith(`${id} `);
}

/** What has another node meet this one: by the address that it was reached at, and its port for the cluster's bus. */
export async function meetingOf(client: RespClient, address: string, id: string): Promise<string[]> {
  const own = (await linesOf(client, address)).find(isOf(id)) ?? '';
  const bus = /@(\d+)/.exec(own)?.[1];
  const { port } = splitAddress(address);
  return ['CLUSTER', 'MEET', client.remoteAddress, String(port), ...(bus === undefined ? [] : [bus])];
}
