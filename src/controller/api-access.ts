import { z } from 'zod';
import { readIdentity, tlsFault } from '../io/index.ts';
import { type HostPort, isLoopback, splitAddress } from '../runtime/address.ts';
import { NamedFileFault, SHORTEST_TOKEN, secretIn } from '../runtime/named-file.ts';
import { address } from '../topology/index.ts';
import { filePath, type Path, type Report } from '../yaml/index.ts';

/** Where a controller's REST interface is served, and who may ask it; as a config has it. */
export const accessFields = {
  listen: address.prefault('127.0.0.1:9379').describe('The address that it is served on.'),
  tokenFile: filePath
    .optional()
    .describe('A file with the bearer token that requests need. Required if the address is not on loopback.'),
  tls: z
    .strictObject({
      certificate: filePath.describe('A PEM file of the certificate.'),
      key: filePath.describe("A PEM file with the certificate's key."),
    })
    .optional()
    .describe('TLS. Required if the address is not on loopback, unless insecure is set.'),
  insecure: z
    .boolean()
    .default(false)
    .describe('Serves other machines without TLS: anyone who sees the traffic sees the token.'),
  hosts: z
    .array(z.string().min(1))
    .default([])
    .describe('Host names that requests on loopback may use, besides localhost and the address itself.'),
};

type Fields = z.output<ReturnType<typeof z.strictObject<typeof accessFields>>>;

/** Where a controller's REST interface is served, and who may ask it. */
export interface ApiAccess {
  readonly listen: HostPort;
  /** What requests have to bear; null: any may ask. */
  readonly token: string | null;
  /** PEM files; null: cleartext. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  readonly hosts: readonly string[];
}

/** Whoever may ask rules the clusters: from outside that takes a token, and the token is not to be seen. */
export function accessOf({ listen, tokenFile, tls, insecure, hosts }: Fields, report: Report): ApiAccess {
  const at = splitAddress(listen);
  if (!isLoopback(at.host)) {
    const reached = `${at.host} can be reached from outside`;
    if (tokenFile === undefined) report(['api', 'listen'], `${reached}: give a tokenFile, or listen on 127.0.0.1`);
    if (tls === undefined && !insecure)
      report(['api', 'listen'], `${reached}, and the token would be visible on the network: give tls, or insecure`);
  }
  const tlsProblem = tls === undefined ? null : tlsFault(() => readIdentity(tls));
  if (tlsProblem !== null) report(['api', 'tls'], tlsProblem.message);
  const token =
    tokenFile === undefined ? null : reportedSecret(tokenFile, ['api', 'tokenFile'], report, SHORTEST_TOKEN);
  return { listen: at, token, tls: tls ?? null, hosts };
}

/** What a file holds; empty where it cannot be used, which is reported. @param least as many characters as it has to have */
export function reportedSecret(file: string, path: Path, report: Report, least = 1): string {
  try {
    return secretIn(file, least);
  } catch (error) {
    if (!(error instanceof NamedFileFault)) throw error;
    report(path, error.message);
    return '';
  }
}
