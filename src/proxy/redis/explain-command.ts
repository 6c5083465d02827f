import { commandOf } from '../../resp/index.ts';

/** What a router would do with a command. */
export interface ExplainedCommand {
  /** In lower case; of a subcommand with its container's: `config|get`. */
  readonly command: string;
  readonly becomes: string;
  readonly keys: readonly string[];
  /** It is refused (CROSSSLOT) where its keys are on several shards. */
  readonly needsOneShard: boolean;
}

/**
 * The table of commands is loaded only here: commands that start no router are spared it.
 * @returns null where the router knows no such command
 */
export async function explainCommand(words: readonly string[]): Promise<ExplainedCommand | null> {
  const { arityFits, becomesOf, findCommand, KeyPlaces, keysOf } = await import('./commands/index.ts');
  const command = commandOf(words);
  const info = findCommand(command);
  if (info === null) return null;
  const { name, rule } = info;
  if (!arityFits(info, command.count))
    return { command: name, becomes: 'refused: it has a wrong number of arguments', keys: [], needsOneShard: false };
  const places = new KeyPlaces();
  if (!keysOf(info, command, places))
    return { command: name, becomes: 'sent to any shard, which refuses its arguments', keys: [], needsOneShard: false };
  const keys = Array.from(places.at.subarray(0, places.count), (at) => command.text(at));
  const needsOneShard = rule.way !== 'split' && rule.way !== 'refused' && rule.way !== 'subscribe';
  return { command: name, becomes: becomesOf(rule), keys, needsOneShard };
}
