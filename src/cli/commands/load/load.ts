import { Command, Option } from 'commander';
import { durationOption, durationOrNone, integerOption, optionWithDefault } from '../../options/options.ts';
import { compareCommand } from './compare.ts';
import {
  distributionOption,
  headerOption,
  MOST_KEYS,
  MOST_PER_SECOND,
  MOST_USERS,
  mixOption,
  rateOption,
  type TargetOption,
  targetOption,
  WATCH_CONNECTIONS,
} from './options.ts';
import type { LoadFlags } from './plan.ts';

const MOST_IN_FLIGHT = 100_000;
const MOST_WATCHES = 1_000_000;

/** `keyway load`: what a target does under a load. */
export function loadCommand(): Command {
  const command = new Command('load')
    .description('put a load on a backend, behind a router or not, and say what it did')
    .argument('<target>', 'host:port, or http:// or https:// before it', targetOption);
  for (const give of [callOptions, keyOptions, patternOptions, tellingOptions]) give(command);
  return command
    .addHelpText(
      'after',
      `
Example:
  keyway load 127.0.0.1:8080 --mix put=20,get=70,watch=10 --rate 1000 --duration 10s --check --html load.html
  keyway load 127.0.0.1:8080 --watch 10000 --rate 0 --at 5s 'keyway shard add s3 127.0.0.1:7003'
  keyway load 127.0.0.1:8080 --grpc yorkie.v1.YorkieService/GetDocument --data '{"key": "{{document}}"}'
  keyway load 127.0.0.1:8080 --http 'GET /notes/{{key}}' --users 50 --fail-on 'p99>20ms,errors>0'`,
    )
    .addCommand(compareCommand())
    .action(async (target: TargetOption, flags: LoadFlags) => {
      // The harness has libraries of its own, which no other command is to wait for.
      const { load } = await import('./run.ts');
      await load(target, flags);
    });
}

const whole = (most: number) => integerOption(1, most);

function callOptions(command: Command): void {
  command
    .option('--plan <file>', "calls from a YAML file; without any call: those of Keyway's own shard")
    .option('--mix <weights>', 'how often which of them: put=20,get=70,watch=10', mixOption)
    .option('--grpc <method>', 'package.Service/Method, of any of its kinds')
    .option('--connect <method>', 'the same by Connect, with JSON')
    .option('--http <request>', "such as 'GET /notes/{{key}}'")
    .option('--http1', 'speak HTTP/1.1 in place of HTTP/2')
    .option('--proto <file>', 'the .proto file that has the service')
    .option('--include <folder...>', 'where what it imports is found')
    .option('--descriptors <file>', 'a descriptor set in its place; without either the target is asked (reflection)')
    .option('--data <text>', 'the content: JSON; {{key}}, {{seq}}, {{uuid}}, {{random 1 100}}, {{line}} in it')
    .option('--lines <file>', '{{line}} is the next line of it')
    .option('--messages <number>', 'how often it is sent, by a method that takes a stream', whole(1_000_000))
    .option('--every <time>', 'the time between these messages')
    .option('--streams', 'the method of --connect answers with a stream')
    .option('--header <name: value>', 'sent along; {{key}} and the like in it; several times', headerOption, [])
    .option('--ok <status...>', 'statuses that are no errors here, such as NOT_FOUND or 404', [])
    .option(
      '--watch <number>',
      'so many are open all the time, and come back when they end',
      integerOption(0, MOST_WATCHES),
    )
    .option('--life <time>', 'how long the client of a watch stays, in the mean, before another comes')
    .option('--ca <file>', "authorities (PEM) for https://, in place of the system's")
    .option('--server-name <name>', "the name that the target's certificate has");
}

function keyOptions(command: Command): void {
  command
    .option('--key-header <name>', 'the header that the key is sent in', 'x-shard-key')
    .option('--shard-header <name>', 'the header of an answer that names who gave it', 'x-keyway-shard')
    .option('--projects <number>', 'keys are project-N/document-M of so many projects', whole(MOST_KEYS), 50)
    .option('--documents <number>', 'and so many documents in each', whole(MOST_KEYS), 2000)
    .option('--keys <file>', 'keys from a file, one a line')
    .addOption(
      optionWithDefault(
        '--distribution <kind>',
        'uniform, sequential, zipf:1.1, hot:0.9/0.01',
        distributionOption,
        'uniform',
      ),
    );
}

function patternOptions(command: Command): void {
  command
    .addOption(
      optionWithDefault(
        '--rate <number>',
        'requests a second: 1000, a ramp 100..5000, steps 100,200,400; 0 for none',
        rateOption,
        '100',
      ),
    )
    .addOption(new Option('--spread <kind>', 'how they come').choices(['even', 'poisson']).default('poisson'))
    .option('--users <number>', 'in place of a rate: each asks again once it is answered', whole(MOST_IN_FLIGHT))
    .option('--connections <number>', 'how many', whole(10_000), 4)
    .option('--watch-connections <number>', `how many for watches (else ${WATCH_CONNECTIONS})`, whole(100_000))
    .addOption(optionWithDefault('--duration <time>', 'how long', durationOption(), '10s'))
    .addOption(optionWithDefault('--warm-up <time>', 'before that, not counted; 0 for none', durationOrNone, '1s'))
    .addOption(optionWithDefault('--timeout <time>', 'what takes longer counts as an error', durationOption(), '10s'))
    .option('--in-flight <number>', 'no more unanswered requests than this', whole(MOST_IN_FLIGHT), 10_000)
    .option('--seed <number>', 'the same keys and times again', integerOption(0, 2 ** 31))
    .option('--at <time command...>', "what to do meanwhile: --at 30s 'keyway shard remove s3'; several times")
    .option(
      '--after-commands <time>',
      'go on until these have ended, and so long after; 0 for no longer',
      durationOrNone,
    )
    .option(
      '--registry <where>',
      'marks changes of its topologies; also for the commands of --at (else KEYWAY_REGISTRY)',
    )
    .option('--yes-remote', 'the target is not this machine, and that is meant')
    .option('--no-limit', `more than ${MOST_PER_SECOND} requests a second, or ${MOST_USERS} users`);
}

function tellingOptions(command: Command): void {
  command
    .option('--check', 'look whether each key had one shard at a time, and no watch missed anything')
    .option(
      '--revision <where>',
      'for it: where an answer has its revision: a field such as document.revision, or header:NAME',
    )
    .option('--writes', "for it: the call's revisions are new ones, which watches have to see")
    .addOption(
      optionWithDefault(
        '--pause <time>',
        'requests that take longer are told of as a pause',
        durationOption(),
        '100ms',
      ),
    )
    .option('--live', 'draw on the terminal while it runs (the default where there is one)')
    .option('--no-live', 'a line a second')
    .option('--json <file>', 'write what came of it')
    .option('--csv <file>', 'write the seconds, for spreadsheets')
    .option('--html <file>', 'write a page with plots')
    .option('--fail-on <conditions>', 'such as p99>20ms,errors>0: then the exit code is 1');
}
