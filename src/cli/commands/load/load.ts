import { Command, Option } from 'commander';
import { durationOption, durationOrNone, integerOption, optionWithDefault } from '../../options/options.ts';
import { compareCommand } from './compare.ts';
import {
  distributionOption,
  headerOption,
  MAX_KEYS,
  MAX_PER_SECOND,
  MAX_USERS,
  mixOption,
  rateOption,
  type TargetOption,
  targetOption,
  WATCH_CONNECTIONS,
} from './options.ts';
import type { LoadFlags } from './plan.ts';

const MAX_IN_FLIGHT = 100_000;
const MAX_WATCHES = 1_000_000;

/** `keyway load`: what a target does under a load. */
export function loadCommand(): Command {
  const command = new Command('load')
    .description('generate load on a backend, behind a router or not, and report how it did')
    .argument('<target>', 'host:port, or http:// or https:// before it', targetOption);
  for (const give of [callOptions, keyOptions, patternOptions, reportOptions]) give(command);
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
      // The harness has libraries of its own, which no other command should wait for.
      const { load } = await import('./run.ts');
      await load(target, flags);
    });
}

const whole = (most: number) => integerOption(1, most);

function callOptions(command: Command): void {
  command
    .option('--plan <file>', "make the calls of a YAML file; by default those of Keyway's reference shard")
    .option('--mix <weights>', 'the weight of each call: put=20,get=70,watch=10', mixOption)
    .option('--grpc <method>', 'package.Service/Method, unary or streaming')
    .option('--connect <method>', 'the same by Connect, with JSON')
    .option('--http <request>', "such as 'GET /notes/{{key}}'")
    .option('--http1', 'speak HTTP/1.1 instead of HTTP/2')
    .option('--proto <file>', 'the .proto file that defines the service')
    .option('--include <folder...>', 'folders in which its imports are found')
    .option('--descriptors <file>', 'a descriptor set instead; with neither, the target is asked by reflection')
    .option(
      '--data <text>',
      'the content, in JSON; it may hold {{key}}, {{seq}}, {{uuid}}, {{random 1 100}} and {{line}}',
    )
    .option('--lines <file>', 'the file whose next line {{line}} stands for')
    .option('--messages <number>', 'how often the content is sent, to a method that takes a stream', whole(1_000_000))
    .option('--every <time>', 'the time between these messages')
    .option('--streams', 'the answer of the --connect method is a stream')
    .option(
      '--header <name: value>',
      'a header to send; it may hold {{key}} and so on; may be repeated',
      headerOption,
      [],
    )
    .option('--ok <status...>', 'statuses that do not count as errors, such as NOT_FOUND or 404', [])
    .option(
      '--watch <number>',
      'how many watches to keep open; one that ends is opened again',
      integerOption(0, MAX_WATCHES),
    )
    .option('--life <time>', 'how long the client of a watch stays on average before another takes its place')
    .option('--ca <file>', "PEM file of the authorities for https://, instead of the system's")
    .option('--server-name <name>', "the name in the target's certificate");
}

function keyOptions(command: Command): void {
  command
    .option('--key-header <name>', 'the header that the key is sent in', 'x-shard-key')
    .option('--shard-header <name>', 'the response header that names the shard', 'x-keyway-shard')
    .option('--projects <number>', 'how many projects the keys project-N/document-M have', whole(MAX_KEYS), 50)
    .option('--documents <number>', 'how many documents each project has', whole(MAX_KEYS), 2000)
    .option('--keys <file>', 'read the keys from a file, one per line')
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
        'requests per second: 1000, a ramp 100..5000, steps 100,200,400, or 0 for none',
        rateOption,
        '100',
      ),
    )
    .addOption(
      new Option('--spread <kind>', 'how the requests are spread over time')
        .choices(['even', 'poisson'])
        .default('poisson'),
    )
    .option(
      '--users <number>',
      'instead of a rate: each user sends the next request once the last is answered',
      whole(MAX_IN_FLIGHT),
    )
    .option('--connections <number>', 'how many connections to use', whole(10_000), 4)
    .option(
      '--watch-connections <number>',
      `how many connections to use for watches (else ${WATCH_CONNECTIONS})`,
      whole(100_000),
    )
    .addOption(optionWithDefault('--duration <time>', 'how long the run takes', durationOption(), '10s'))
    .addOption(
      optionWithDefault(
        '--warm-up <time>',
        'how long to warm up first, which is not counted; 0 for none',
        durationOrNone,
        '1s',
      ),
    )
    .addOption(
      optionWithDefault('--timeout <time>', 'requests that take longer count as errors', durationOption(), '10s'),
    )
    .option('--in-flight <number>', 'the most unanswered requests at once', whole(MAX_IN_FLIGHT), 10_000)
    .option('--seed <number>', 'repeat the keys and times of the run with this seed', integerOption(0, 2 ** 31))
    .option('--at <time command...>', "a command to run meanwhile: --at 30s 'keyway shard remove s3'; may be repeated")
    .option(
      '--after-commands <time>',
      'how long to continue after the last of these commands has ended',
      durationOrNone,
    )
    .option(
      '--registry <where>',
      'the registry whose topology changes are marked; the commands of --at use it too (else KEYWAY_REGISTRY)',
    )
    .option('--yes-remote', 'confirm that the target is another machine')
    .option('--no-limit', `allow more than ${MAX_PER_SECOND} requests per second, or ${MAX_USERS} users`);
}

function reportOptions(command: Command): void {
  command
    .option('--check', 'check that each key had one shard at a time, and that no watch missed anything')
    .option(
      '--revision <where>',
      'for --check: where an answer has its revision: a field such as document.revision, or header:NAME',
    )
    .option('--writes', 'for --check: the call makes new revisions, which watches must see')
    .addOption(
      optionWithDefault('--pause <time>', 'report requests that take longer as a pause', durationOption(), '100ms'),
    )
    .option('--live', 'draw on the terminal during the run (the default on a terminal)')
    .option('--no-live', 'print a line per second')
    .option('--json <file>', 'write the results as JSON')
    .option('--csv <file>', 'write a line per second, for spreadsheets')
    .option('--html <file>', 'write a page with plots')
    .option('--fail-on <conditions>', 'conditions for exit code 1, such as p99>20ms,errors>0');
}
