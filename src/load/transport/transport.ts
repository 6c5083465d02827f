import type { RequestConnection } from '../../http/index.ts';

/** What the load goes to. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Null: cleartext. */
  readonly tls: TargetTls | null;
}

export interface TargetTls {
  /** The name that its certificate has; empty: the host. */
  readonly serverName: string;
  /** Authorities besides the system's (PEM); null: none. */
  readonly ca: string | null;
}

/** The connections to a target. */
export interface Transport {
  /** Called when requests may be sent that could not be before. */
  onRoom: () => void;
  /** Why the last connection failed. */
  readonly lastFailure: string;
  /** @throws Error where the target cannot be reached */
  open(): Promise<void>;
  /** One with room, in turn; null: there is none now. */
  pick(): RequestConnection | null;
  /**
   * Called every second or so: cancels requests on the other side that are not waited for any more, a few at a time.
   */
  sweep(nowMs: number): void;
  close(): void;
}
