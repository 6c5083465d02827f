import { ErrorCode, type HttpLimits } from '../http/index.ts';
import {
  DEFAULT_WINDOW,
  MAXIMUM_FRAME_SIZE,
  MAXIMUM_WINDOW,
  MINIMUM_FRAME_SIZE,
  readUint32,
  writeUint32,
} from './frames.ts';

/** Identifiers of RFC 9113, 6.5.2. */
export const Setting = {
  HeaderTableSize: 0x1,
  EnablePush: 0x2,
  MaxConcurrentStreams: 0x3,
  InitialWindowSize: 0x4,
  MaxFrameSize: 0x5,
  MaxHeaderListSize: 0x6,
  /** RFC 8441, 3. */
  EnableConnectProtocol: 0x8,
} as const;

const ENTRY_BYTES = 6;

/** What a peer has told us; the RFC's initial values until then. */
export interface PeerSettings {
  headerTableSize: number;
  maxConcurrentStreams: number;
  initialWindowSize: number;
  maxFrameSize: number;
  /** The peer takes extended CONNECT, and so WebSockets (RFC 8441). */
  enableConnectProtocol: boolean;
}

export function initialPeerSettings(): PeerSettings {
  return {
    headerTableSize: 4096,
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    initialWindowSize: DEFAULT_WINDOW,
    maxFrameSize: MINIMUM_FRAME_SIZE,
    enableConnectProtocol: false,
  };
}

/** What a connection announces to its peer at the beginning. @param window of each stream, at first */
export function ownSettings(
  isServer: boolean,
  window: number,
  { maxHeaderListBytes, maxConcurrentStreams }: HttpLimits,
): Array<readonly [setting: number, value: number]> {
  const both: Array<readonly [number, number]> = [
    [Setting.InitialWindowSize, window],
    [Setting.MaxHeaderListSize, maxHeaderListBytes],
  ];
  if (!isServer) return [...both, [Setting.EnablePush, 0]];
  return [...both, [Setting.MaxConcurrentStreams, maxConcurrentStreams], [Setting.EnableConnectProtocol, 1]];
}

/**
 * Takes a SETTINGS frame's payload, whose length is a multiple of 6, into `settings`.
 * @returns NoError, or the code of the connection error that it is
 */
export function applySettings(bytes: Uint8Array, start: number, end: number, settings: PeerSettings): number {
  for (let at = start; at < end; at += ENTRY_BYTES) {
    const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    const value = readUint32(bytes, at + 2);
    switch (id) {
      case Setting.HeaderTableSize:
        settings.headerTableSize = value;
        break;
      case Setting.EnablePush:
        if (value > 1) return ErrorCode.ProtocolError;
        break;
      case Setting.MaxConcurrentStreams:
        settings.maxConcurrentStreams = value;
        break;
      case Setting.InitialWindowSize:
        if (value > MAXIMUM_WINDOW) return ErrorCode.FlowControlError;
        settings.initialWindowSize = value;
        break;
      case Setting.MaxFrameSize:
        if (value < MINIMUM_FRAME_SIZE || value > MAXIMUM_FRAME_SIZE) return ErrorCode.ProtocolError;
        settings.maxFrameSize = value;
        break;
      case Setting.EnableConnectProtocol:
        if (value > 1) return ErrorCode.ProtocolError;
        settings.enableConnectProtocol = value === 1;
        break;
      default: // Unknown ones have to be ignored (RFC 9113, 6.5.2).
    }
  }
  return ErrorCode.NoError;
}

/** The payload of a SETTINGS frame. */
export function settingsPayload(entries: ReadonlyArray<readonly [id: number, value: number]>): Uint8Array {
  const payload = new Uint8Array(entries.length * ENTRY_BYTES);
  entries.forEach(([id, value], i) => {
    payload[i * ENTRY_BYTES] = id >>> 8;
    payload[i * ENTRY_BYTES + 1] = id;
    writeUint32(payload, i * ENTRY_BYTES + 2, value);
  });
  return payload;
}

export { ENTRY_BYTES as SETTINGS_ENTRY_BYTES };
