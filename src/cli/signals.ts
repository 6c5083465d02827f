import { EXIT_FAILURE, EXIT_OK } from './usage-error.ts';

/** Runs `stop` at the first SIGTERM or SIGINT and then exits with 0; a second signal ends the process at once. */
export function stopOnSignals(stop: () => Promise<unknown>): void {
  let stopping = false;
  const onSignal = (): void => {
    if (stopping) process.exit(EXIT_FAILURE);
    stopping = true;
    stop().then(
      () => process.exit(EXIT_OK),
      (error: unknown) => {
        process.stderr.write(`keyway: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exit(EXIT_FAILURE);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
