import type { Command, CommanderError } from 'commander';
import { InvalidArgumentError } from 'commander';
import { UsageError } from '../runtime/usage-error.ts';
import { didYouMean } from '../yaml/index.ts';
import { presentName } from './options/former-options.ts';

/** What is wrong with a command line, in our own words. Null where nothing is: help or the version was asked for. */
export function commandLineFault(command: Command, error: CommanderError): UsageError | null {
  if (error.exitCode === 0) return null;
  // A misspelt option is what is wrong, where the option that it should have been is then missing.
  const unknown = command.args.find((arg) => /^-./.test(arg));
  const known = { 'commander.unknownOption': true, 'commander.missingMandatoryOptionValue': true };
  if (unknown !== undefined && error.code in known) return unknownOption(command, unknown);
  return new UsageError(`${textOf(command, error)}; see ${pathOf(command)} --help`, { cause: error });
}

function textOf(command: Command, { code, message }: CommanderError): string {
  switch (code) {
    case 'commander.unknownCommand': {
      const [name = ''] = command.args;
      const names = command.commands.map((each) => each.name());
      return `${name} is an unknown command${didYouMean(name, names)}`;
    }
    case 'commander.excessArguments':
      return `${pathOf(command)} was given more arguments than it takes`;
    case 'commander.help':
      // The help that stands above lists them, with what they do.
      if (command.parent === null) return 'a command is missing';
      return `${pathOf(command)} needs a command: ${command.commands.map((each) => each.name()).join(', ')}`;
    default:
      // It names the option or the argument between quotes: that shows what is missing.
      return `${/'([^']+)'/.exec(message)?.[1] ?? message} is missing`;
  }
}

function unknownOption(command: Command, text: string): UsageError {
  const [option = ''] = text.split('=');
  const of = (each: Command): string[] => each.options.flatMap(({ long }) => (long == null ? [] : [long]));
  const below = (each: Command): string[] => [...of(each), ...each.commands.flatMap(below)];
  const renamed = presentName(option);
  if (renamed !== null && of(command).includes(renamed))
    return new UsageError(`${option} is ${renamed} now, with a unit: write ${renamed} 5s`);
  const taker = takerOf(command, option);
  if (taker !== null) return new UsageError(`${option} stands behind its command: write ${pathOf(taker)} ${option}`);
  const meant = didYouMean(option, of(command)) || didYouMean(option, below(command));
  return new UsageError(`${option} is an unknown option${meant || `; see ${pathOf(command)} --help`}`);
}

/** The command below this one that takes an option: the one that is named on the line, where it takes it; null: none does. */
function takerOf(command: Command, option: string): Command | null {
  const takes = (each: Command): boolean => each.options.some(({ long }) => long === option);
  const all = (each: Command): Command[] => each.commands.flatMap((below) => [below, ...all(below)]);
  const takers = all(command).filter(takes);
  return takers.find((each) => command.args.includes(each.name())) ?? takers[0] ?? null;
}

/** As it is typed: `keyway kv get`. */
export function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** Reports what options and arguments refuse with what was written, and where: an option, an argument or a variable. */
export function nameWhatIsRefused(command: Command): void {
  for (const each of [...command.options, ...command.registeredArguments]) {
    const { parseArg } = each;
    if (parseArg === undefined) continue;
    let name = 'long' in each ? (each.long ?? each.flags) : each.name();
    if ('envVar' in each && each.envVar !== undefined) {
      const { envVar } = each;
      // It is an emitter; its types show a part of that.
      (command as object as NodeJS.EventEmitter).prependListener(`optionEnv:${each.name()}`, () => {
        name = envVar;
      });
    }
    each.parseArg = <Value>(text: string, before: Value): Value => {
      try {
        return parseArg.call(each, text, before) as Value;
      } catch (cause) {
        if (!(cause instanceof InvalidArgumentError)) throw cause;
        const wanted =
          each.argChoices === undefined ? cause.message.replace(/\.$/, '') : `write ${each.argChoices.join(' or ')}`;
        throw new UsageError(`${name} ${shown(text)}: ${wanted}`, { cause });
      }
    };
  }
}

/** As it was typed: between quotes where it is not a word. */
function shown(text: string): string {
  return /^\S+$/.test(text) ? text : JSON.stringify(text);
}
