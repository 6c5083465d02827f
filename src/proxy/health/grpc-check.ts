import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { SocketTarget } from '../../io/index.ts';
import { addressText } from '../../runtime/address.ts';
import { DIRECT_CHANNEL } from '../../runtime/direct-channel.ts';
import { shownText } from '../../runtime/shown-text.ts';
import { tlsChannel } from '../../runtime/tls-channel.ts';
import type { Check } from './check.ts';

/** The answer's one field, an enum. */
const STATUS_TAG = 0x08;
const SERVING = 1;
const STATUS_NAMES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** gRPC's health protocol (grpc/grpc doc/health-checking.md); its messages are one field each. */
export function grpcCheck(endpoint: SocketTarget, service: string): Check {
  const { target, certificates } = endpoint;
  const address = addressText(target);
  const tls = certificates?.options();
  const { channel, options } =
    tls === undefined
      ? { channel: credentials.createInsecure(), options: {} }
      : tlsChannel(address, { authorities: tls.ca, key: tls.key, certificate: tls.cert, serverName: tls.servername });
  const client = new Client(address, channel, {
    ...options,
    ...DIRECT_CHANNEL,
    // The interval is the back-off.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
  });
  const name = Buffer.from(service, 'utf8');
  const message = service === '' ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  return (timeoutMs) =>
    new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        message,
        new Metadata(),
        (error, answer) => {
          clearTimeout(timer);
          const status = answer?.[0] === STATUS_TAG ? (answer[1] ?? 0) : 0;
          if (timedOut) reject(new Error(`no answer within ${timeoutMs} ms`));
          else if (error !== null) reject(new Error(shownText(error.details)));
          else if (status === SERVING) resolve();
          else reject(new Error(STATUS_NAMES[status] ?? `status ${status}`));
        },
      );
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        call.cancel();
      }, timeoutMs);
    });
}
