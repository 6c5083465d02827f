import type { LogLevel } from '../../../runtime/log.ts';
import type { AccessLogDescription } from './access-log.ts';
import type { Tracing, TracingDescription } from './tracing.ts';

/** What a router reports about itself and its requests, besides metrics. Plain data. */
export interface ObserveDescription {
  readonly logLevel: LogLevel;
  readonly accessLog?: AccessLogDescription | undefined;
  readonly tracing?: TracingDescription | undefined;
}

export const quiet: ObserveDescription = { logLevel: 'silent' };

/** OpenTelemetry is many files, so that it is loaded where it is wanted alone. */
export async function startTracing(
  { tracing }: Pick<ObserveDescription, 'tracing'>,
  random: () => number,
): Promise<Tracing | null> {
  if (tracing === undefined) return null;
  const module = await import('./tracing.ts');
  return new module.Tracing(tracing, random);
}
