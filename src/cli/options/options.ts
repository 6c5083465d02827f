import { isIP } from 'node:net';
import { InvalidArgumentError, Option } from 'commander';
import { type HostPort, splitAddress } from '../../runtime/address.ts';
import { formatDuration, parseDuration } from '../../runtime/quantity.ts';
import { address, identifier, nodeId, reachableAddress } from '../../topology/index.ts';
import { checked } from '../../yaml/index.ts';

/** An option that is read by `parse`, with its default as one types it. */
export function optionWithDefault<Value>(
  flags: string,
  description: string,
  parse: (text: string) => Value,
  typed: string,
): Option {
  return new Option(flags, description).argParser(parse).default(parse(typed), typed);
}

/** Reads a text from an option or an argument, which has to be as a document has it in the same place. */
function textOption(schema: typeof identifier | typeof nodeId): (text: string) => string {
  return (text) => {
    const found = checked(schema, text);
    if ('fault' in found) throw new InvalidArgumentError(found.fault);
    return found.value;
  };
}

/** Reads the name of a namespace, a cluster or a shard. */
export const nameOption = textOption(identifier);

/** Reads the id of a node. */
export const nodeIdOption = textOption(nodeId);

/** @throws InvalidArgumentError */
function checkAddress(schema: typeof address, text: string): void {
  const found = checked(schema, text);
  if (!('fault' in found)) return;
  // For a document it names the text, which stands before this here.
  const isAddress = found.fault.startsWith('port');
  throw new InvalidArgumentError(isAddress ? found.fault : 'write host:port, such as 127.0.0.1:8080');
}

/** Reads `host:port` of something that is there, and leaves it as it is written. */
export function reachableTextOption(text: string): string {
  checkAddress(reachableAddress, text);
  return text;
}

/** Reads several of them, with commas between. */
export function addressesOption(text: string): string[] {
  return text.split(',').map((each) => reachableTextOption(each.trim()));
}

/** Reads `host:port` of something that is there. */
export function reachableOption(text: string): HostPort {
  return splitAddress(reachableTextOption(text));
}

/** Reads `host:port` to listen on; port 0 has the system choose one. */
export function addressOption(text: string): HostPort {
  checkAddress(address, text);
  return splitAddress(text);
}

/** Reads where a DNS server is: an IP address, with a port or without. */
export function dnsServerOption(text: string): string {
  const host = 'fault' in checked(address, text) ? text : splitAddress(text).host;
  if (isIP(host) === 0) throw new InvalidArgumentError('write an IP address, with its port or without: 10.0.0.10:53.');
  return text;
}

/** Reads a whole number within bounds from an option. */
export function integerOption(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^[0-9]+$/.test(text) || number < least || number > most)
      throw new InvalidArgumentError(`give a whole number from ${least} to ${most}.`);
    return number;
  };
}

/** Reads a duration such as `5s` from an option. @param bounds in milliseconds @returns whole milliseconds */
export function durationOption(
  bounds: { readonly least?: number; readonly most?: number } = {},
): (text: string) => number {
  const { least = 1, most = Number.MAX_SAFE_INTEGER } = bounds;
  return (text) => {
    const ms = parseDuration(text);
    if (!Number.isInteger(ms)) throw new InvalidArgumentError('write a time such as 30s, 500ms or 2m.');
    if (ms < least) throw new InvalidArgumentError(`write ${formatDuration(least)} or more.`);
    if (ms > most) throw new InvalidArgumentError(`write ${formatDuration(most)} or less.`);
    return ms;
  };
}

/** The same, and `0` for none. */
export function durationOrNone(text: string): number {
  return text === '0' ? 0 : durationOption()(text);
}
