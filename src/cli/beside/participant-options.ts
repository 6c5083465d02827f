import { type Command, InvalidArgumentError } from 'commander';
import { type AskSettings, askedAt, isServedPlace, type ParticipantOptions, participantUrl } from '../../node/index.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { addressOption } from '../options/options.ts';

/** What a command is told of a backend that takes part in handoffs by itself. */
export interface ParticipantFlags extends AskSettings {
  readonly participant?: URL;
  readonly participantCa?: string;
  readonly participantTokenFile?: string;
}

export function withParticipantOptions(command: Command): Command {
  return command
    .option(
      '--participant <url>',
      'the backend takes part in handoffs by itself, and is called there for each step: http:, https:, grpc: or grpcs:',
      urlOption,
    )
    .option('--participant-ca <file>', 'authorities of its certificate, PEM')
    .option('--participant-token-file <file>', 'a token that is shown to it')
    .option(
      '--ask <address>',
      'where it asks which keys are its own, host:port; port 0 has the system choose one; on loopback by default',
      addressOption,
    )
    .option('--ask-certificate <file>', 'the certificate that it is shown there, PEM; without it, it asks in cleartext')
    .option('--ask-key <file>', 'its key')
    .option('--ask-insecure', 'let it ask in cleartext from another machine');
}

function urlOption(text: string): URL {
  const url = participantUrl(text);
  if (typeof url === 'string') throw new InvalidArgumentError(url);
  return url;
}

/**
 * How the backend is called, and where it asks; null: it does not take part by itself.
 * @param served where routers send requests to
 * @throws UsageError where options lack it, or anybody could call the backend, or answer in the agent's place
 */
export function participantOf(
  flags: ParticipantFlags,
  served: string,
): Pick<ParticipantOptions, 'ask' | 'backend'> | null {
  const { participant: url, participantCa: caFile = null, participantTokenFile: tokenFile = null } = flags;
  if (url === undefined) {
    const { ask, askCertificate, askKey, askInsecure } = flags;
    if ([caFile, tokenFile].some((file) => file !== null))
      throw new UsageError('--participant-ca and --participant-token-file need --participant');
    if ([ask, askCertificate, askKey, askInsecure].some((given) => given !== undefined))
      throw new UsageError('--ask, --ask-certificate, --ask-key and --ask-insecure need --participant');
    return null;
  }
  if (caFile !== null && !['https:', 'grpcs:'].includes(url.protocol))
    throw new UsageError(`--participant-ca: ${url.protocol} is without TLS; write https: or grpcs:`);
  if (tokenFile === null && isServedPlace(url, served))
    throw new UsageError(
      `--participant: routers send requests to ${served} as well, so that their clients could call the backend in this process's place; give the calls a port of their own, or a --participant-token-file`,
    );
  const ask = askedAt(flags, url);
  if (typeof ask === 'string') throw new UsageError(ask);
  return { backend: { url, caFile, tokenFile }, ask };
}
