import type { Command } from 'commander';
import { describe, expect, it, vi } from 'vitest';
import { EXIT_OK, UsageError } from '../runtime/usage-error.ts';
import { VERSION } from '../runtime/version.ts';
import { pathOf } from './command-line-fault.ts';
import { timedCommands } from './commands/load/options.ts';
import { keywayProgram } from './program.ts';
import { run } from './run.ts';

function all(command: Command): Command[] {
  return [command, ...command.commands.flatMap(all)];
}

/** A program whose commands do nothing but note that they were called, and with what. */
async function idle(called: string[] = []): Promise<Command> {
  const program = await keywayProgram();
  for (const command of all(program)) {
    if (command.commands.length > 0 && command.name() !== 'load') continue;
    command.action((...args: unknown[]) => {
      called.push([pathOf(command), ...args.slice(0, -2).flat().map(String)].join(' '));
    });
  }
  return program;
}

const refusalOf = async (...args: string[]): Promise<string> => {
  const program = await idle();
  const error = await program.parseAsync(args, { from: 'user' }).then(
    () => null,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(UsageError);
  return (error as Error).message;
};

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHasColors: () => false,
    getOutHelpWidth: () => 400,
  });
  command.outputHelp();
  return text;
}

/** The words of a shell's command line, without what is redirected. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  );
  const end = words.findIndex((word) => /^[<>|]$/.test(word));
  return end < 0 ? words : words.slice(0, end);
}

describe('help', () => {
  it('has examples for every command, each of which the command understands', async () => {
    const called: string[] = [];
    const program = await idle(called);
    for (const command of all(program)) {
      const [, examples = ''] = helpOf(command).split('Example:\n');
      const lines = examples
        .trim()
        .split('\n')
        .flatMap((line) => line.split(' && '))
        .map((line) => line.trim());
      expect(lines[0], pathOf(command)).toMatch(/^keyway /);
      for (const line of lines) await understands(line, called);
    }
    expect(called.length).toBeGreaterThan(50);
  });

  async function understands(line: string, called: string[]): Promise<void> {
    const [keyway, ...args] = wordsOf(line);
    expect(keyway).toBe('keyway');
    const before = called.length;
    // A command keeps what was said last: a program of its own for each line.
    await (await idle(called)).parseAsync(args, { from: 'user' });
    expect(called.length, line).toBe(before + 1);
    const at = args.indexOf('--at');
    if (at < 0) return;
    for (const { command } of timedCommands(args.slice(at + 1, at + 3))) await understands(command, called);
  }

  it('shows defaults as one types them', async () => {
    for (const command of all(await keywayProgram())) {
      const help = helpOf(command);
      expect(help, pathOf(command)).not.toMatch(/default: [[{"]|default: \)/);
    }
    const load = all(await keywayProgram()).find((each) => pathOf(each) === 'keyway load') as Command;
    expect(helpOf(load)).toMatch(/--duration <time> +how long the run takes \(default: 10s\)/);
    const dev = all(await keywayProgram()).find((each) => pathOf(each) === 'keyway dev') as Command;
    expect(helpOf(dev)).toMatch(/--listen <address> +the endpoint \(default: 127\.0\.0\.1:8080\)/);
  });
});

describe('the version', () => {
  it.each(['-v', '-V', '--version'])('is printed for %s', async (option) => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    expect(await run(['node', 'keyway', option])).toBe(EXIT_OK);
    const written = write.mock.calls.map(String);
    write.mockRestore();
    expect(written).toEqual([`${VERSION}\n`]);
  });
});

describe('a command line that is not understood', () => {
  it('is reported in one line, with what was probably meant', async () => {
    expect(await refusalOf('router', '--confg', 'x')).toBe('--confg is an unknown option; did you mean --config?');
    expect(await refusalOf('--confg', 'x')).toContain('did you mean --config?');
    expect(await refusalOf('-x')).toBe('-x is an unknown option; see keyway --help');
    expect(await refusalOf('--registry', 'h:1', 'status')).toBe(
      '--registry stands behind its command: write keyway status --registry',
    );
    expect(await refusalOf('kv', 'get', 'demo/x', '--jsn')).toBe('--jsn is an unknown option; did you mean --json?');
    expect(await refusalOf('status', '--frobnicate')).toBe(
      '--frobnicate is an unknown option; see keyway status --help',
    );
    expect(await refusalOf('rooter')).toBe('rooter is an unknown command; did you mean router?; see keyway --help');
    expect(await refusalOf('kv', 'gte', 'x')).toContain('gte is an unknown command; did you mean get?');
  });

  it('is reported with what is missing or refused', async () => {
    expect(await refusalOf('router')).toBe('--config <file> is missing; see keyway router --help');
    expect(await refusalOf('kv', 'get')).toBe('key is missing; see keyway kv get --help');
    expect(await refusalOf()).toBe('a command is missing; see keyway --help');
    expect(await refusalOf('kv')).toMatch(/^keyway kv needs a command: get, put, delete, list, watch;/);
    expect(await refusalOf('dev', '--shards', 'many')).toBe('--shards many: give a whole number from 1 to 64');
    expect(await refusalOf('dev', '--shards')).toContain('--shards <number> is missing');
    expect(await refusalOf('topology', 'get', '--form', 'xml')).toBe('--form xml: write yaml or json or setnodes');
    expect(await refusalOf('shard', 'weight', 's0', 'abc')).toBe('weight abc: give a whole number from 1 to 1000000');
    expect(await refusalOf('kv', 'get', 'a', 'b')).toContain('keyway kv get was given more arguments than it takes');
  });
});

describe('names and addresses', () => {
  const NO_NAME = ['a b', /: write a name of letters, digits/] as const;
  const NO_ADDRESS = ['http://127.0.0.1:8080', /: write host:port/] as const;
  /** Of what is asked for by several commands: what none of them takes. */
  const refused: Readonly<Record<string, readonly [text: string, why: RegExp]>> = {
    ...Object.fromEntries(['--namespace', '--cluster', '--shard', '--id', 'name', 'id'].map((of) => [of, NO_NAME])),
    ...Object.fromEntries(
      ['--address', '--endpoint', '--listen', '--admin', '--metrics', 'address'].map((of) => [of, NO_ADDRESS]),
    ),
    '--node-id': ['n1', /: write 40 letters and digits/],
    '--dns-server': ['dns.test:53', /: write an IP address/],
  };

  it('are checked in the same way by every command, before it does anything', async () => {
    const checked = all(await keywayProgram()).flatMap((command) =>
      [...command.options, ...command.registeredArguments].flatMap((each) => {
        const name = 'long' in each ? (each.long ?? '') : each.name();
        const [text, why] = refused[name] ?? [];
        if (text === undefined || why === undefined) return [];
        const at = `${pathOf(command)} ${name}`;
        const parse = (): unknown => each.parseArg?.(text, undefined);
        expect(parse, at).toThrow(UsageError);
        expect(parse, at).toThrow(why);
        return [at];
      }),
    );
    expect(checked).toEqual(expect.arrayContaining(['keyway backend --id', 'keyway node register --shard']));
    expect(checked.length).toBeGreaterThan(50);
  });

  it('are shown as they were typed', async () => {
    expect(await refusalOf('backend', '--id', 'a b', '--listen', '127.0.0.1:0')).toMatch(/^--id "a b": write a name/);
    expect(await refusalOf('kv', 'get', 'größe')).toMatch(/^key größe: write characters of ASCII only/);
    vi.stubEnv('KEYWAY_ENDPOINT', 'localhost');
    expect(await refusalOf('kv', 'get', 'demo/x')).toMatch(/^KEYWAY_ENDPOINT localhost: write host:port/);
    expect(await refusalOf('kv', 'get', 'demo/x', '--endpoint', 'here')).toMatch(/^--endpoint here: write host:port/);
    vi.unstubAllEnvs();
  });
});
