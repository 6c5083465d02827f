import type { Command } from 'commander';
import { readFromAdmin } from '../../app/post-to-admin.ts';
import type { HostPort } from '../../runtime/address.ts';
import { secretIn } from '../../runtime/named-file.ts';
import { reachableOption } from './options.ts';

/** Where a router's admin address is by default. */
const DEFAULT_ADMIN = '127.0.0.1:9901';

/** Which router a command asks. */
export interface AdminFlags {
  readonly admin: HostPort;
  readonly tokenFile?: string;
}

/**
 * Adds the options by which a command finds a router's admin address.
 * @param tokenName where `token-file` is another one's token already
 */
export function withAdminOptions(command: Command, tokenName = 'token-file'): Command {
  return command
    .option('--admin <address>', "the router's admin address", reachableOption, reachableOption(DEFAULT_ADMIN))
    .option(`--${tokenName} <file>`, 'the file with the token that the admin address requires');
}

/** What the token's file holds; null where none is named. */
export function adminToken({ tokenFile }: AdminFlags): string | null {
  return tokenFile === undefined ? null : secretIn(tokenFile);
}

/** A report of the router. @throws UsageError where it cannot be had */
export function askRouter(flags: AdminFlags, path: string): Promise<object> {
  return readFromAdmin(flags.admin, path, adminToken(flags));
}
