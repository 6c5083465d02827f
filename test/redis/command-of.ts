import { Command, encodeCommand, REDIS_LIMITS, RequestReader } from '../../src/resp/index.ts';

/** A command of these words, as a reader reports it; the object is the test's own. */
export function commandOf(words: readonly string[]): Command {
  let found = new Command();
  const unexpected = (): never => {
    throw new Error('not a command');
  };
  const reader = new RequestReader(
    {
      onCommand: (command) => {
        found = command;
      },
      onLargeCommand: () => 'collect',
      onContent: unexpected,
      onDiscarded: unexpected,
      onTooLarge: unexpected,
      onFault: unexpected,
    },
    REDIS_LIMITS,
  );
  const wire = encodeCommand(words);
  reader.receive(wire, 0, wire.length);
  return found;
}
