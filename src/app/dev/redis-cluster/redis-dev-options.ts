import type { HostPort } from '../../../runtime/address.ts';
import type { SettingNames } from '../../router-process.ts';

/** A Redis cluster on this machine, behind a router, with a metadata cluster. */
export interface RedisDevOptions {
  /** The router's first address; it has six, one for each server. */
  readonly listen: HostPort;
  /** The first server's address; the others are at the next ports. */
  readonly nodes: HostPort;
  /** Where the metadata cluster is. */
  readonly metadataHost: string;
  readonly admin: HostPort;
  /** The folder where all of it is kept. */
  readonly data: string;
  /** The file of the `keyway` command, to start the controller with. */
  readonly command: string;
  /** What people call the settings of addresses. */
  readonly settings: SettingNames & { readonly nodesAt: string; readonly metadataAt: string };
  /** Called with what becomes of programs that end by themselves. */
  readonly onNews: (news: string) => void;
}
