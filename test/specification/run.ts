import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Fault, faults } from './faults.ts';
import { configOf, type Model, models } from './models.ts';
import { type Checked, check, fetchTlc } from './tlc.ts';

/**
 * `npm run specification`: checks the handoff as `Handoff.tla` has it, in every state that can be reached, and that each planted fault is
 * found. It needs Java, and Maven to fetch TLC once. With names of models: only these.
 */
const names = process.argv.slice(2);
const module = readFileSync(fileURLToPath(new URL('Handoff.tla', import.meta.url)), 'utf8');
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const jar = fetchTlc();
const asked = models.filter(({ name }) => names.length === 0 || names.includes(name));
const jobs = [
  ...asked.map((model) => () => checkModel(model)),
  ...faults.flatMap((fault) =>
    asked.filter(({ name }) => name === fault.model).map((model) => () => find(fault, model)),
  ),
];
if (jobs.length === 0) throw new Error(`models are: ${models.map(({ name }) => name).join(', ')}`);
await Promise.all(Array.from({ length: availableParallelism() }, work));

async function work(): Promise<void> {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job();
}

async function checkModel(model: Model): Promise<void> {
  const checked = await check(jar, module, configOf(model));
  if (checked.broken !== null) fail(`${model.name}: ${checked.broken} does not hold`, checked);
  else print(`${model.name} holds: ${figures(checked)}`);
}

async function find({ name, swap: [from, to], broken }: Fault, model: Model): Promise<void> {
  const checked = await check(
    jar,
    module.replace(from, () => to),
    configOf(model),
  );
  const line = `planted, ${model.name}: ${name}: ${checked.broken ?? 'NOT FOUND'}`;
  if (checked.broken !== broken) fail(line, checked);
  else print(`${line}; ${figures(checked)}`);
}

function figures({ states, depth, seconds }: Checked): string {
  return `${states} states, depth ${depth}, ${seconds.toFixed(0)} s`;
}

function fail(line: string, { output }: Checked): void {
  process.exitCode = 1;
  print(`${output}\n${line}`);
}
