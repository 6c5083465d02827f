import type { ServiceError } from '@grpc/grpc-js';
import { StoreDenied, StoreSetUpError } from '../../registry/index.ts';
import { plainText } from '../../runtime/foreign-errors.ts';
import { NamedFileFault } from '../../runtime/named-file.ts';
import { EXIT_FAILURE, EXIT_USAGE, UsageError } from '../../runtime/usage-error.ts';
import { DocumentError } from '../../yaml/index.ts';
import { writeFault } from './terminal.ts';

/** gRPC's status. */
const UNAUTHENTICATED = 16;

/** What was asked for cannot be done as it was asked. */
const AS_ASKED = [UsageError, DocumentError, StoreSetUpError, NamedFileFault] as const;

/** Reports what went wrong. @returns the exit code */
export function report(error: unknown): number {
  writeFault(textOf(error));
  return AS_ASKED.some((kind) => error instanceof kind) ? EXIT_USAGE : EXIT_FAILURE;
}

function textOf(error: unknown): string {
  // Its faults are lines of their own.
  if (error instanceof DocumentError) return error.message;
  const text = plainText(error);
  return error instanceof StoreDenied && (error.cause as Partial<ServiceError>)?.code === UNAUTHENTICATED
    ? `${text} (--token-file, KEYWAY_TOKEN_FILE, KEYWAY_TOKEN, or tokenFile in ~/.config/keyway/config.yaml)`
    : text;
}
