import { InvalidArgumentError, Option } from 'commander';
import { type HostPort, splitAddress } from '../../runtime/address.ts';
import { formatDuration, parseDuration } from '../../runtime/quantity.ts';

/** An option that is read by `parse`, with its default as one types it. */
export function optionWithDefault<Value>(
  flags: string,
  description: string,
  parse: (text: string) => Value,
  typed: string,
): Option {
  return new Option(flags, description).argParser(parse).default(parse(typed), typed);
}

/** Reads `host:port` from an option. */
export function addressOption(text: string): HostPort {
  const { host, port } = splitAddress(text);
  if (host === '' || !Number.isInteger(port) || port < 0 || port > 65535)
    throw new InvalidArgumentError('write host:port, such as 127.0.0.1:8080.');
  return { host, port };
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
