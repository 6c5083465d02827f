import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { keywayProgram } from '../../src/cli/program.ts';
import { configJsonSchema, parseConfig } from '../../src/config/index.ts';
import { configSchema } from '../../src/config/schema/index.ts';
import { controllerSchema } from '../../src/controller/index.ts';
import { planSchema } from '../../src/load/index.ts';
import { nodeHousekeepingSchema } from '../../src/node/index.ts';
import { registrySchema } from '../../src/registry/index.ts';
import { shardHousekeepingSchema } from '../../src/shard/index.ts';
import { parseTopology, topologyJsonSchema } from '../../src/topology/index.ts';
import { commandIndex, VARIABLES } from './command-index.ts';
import { wordFaults } from './command-words.ts';
import { defaultedValues, type JsonSchema } from './example-defaults.ts';
import { redisCommands } from './redis-commands.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const examples = (file: string): string[] =>
  [...read(file).matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');

it('shows whole configs that are right', () => {
  const whole = [...examples('docs/config.md'), ...examples('README.md')].filter((text) => /^routes:/m.test(text));
  expect(whole.length).toBe(2);
  for (const text of whole) parseConfig(text, 'example');
});

it('shows parts of a route that are right', () => {
  const parts = examples('docs/config.md').filter((text) => /^(match|shardKey|missing|headers|watch):/.test(text));
  const route: object = Object.assign({}, ...parts.map((text): object => parse(text)), { cluster: 'docs' });
  expect(Object.keys(route)).toEqual(
    expect.arrayContaining(['cors', 'headers', 'match', 'missing', 'onMove', 'retries', 'shardKey', 'watch']),
  );
  const shards = [{ id: 's0', address: '127.0.0.1:1' }];
  const config = stringify({ listen: [{ address: '127.0.0.1:1' }], routes: [route], clusters: { docs: { shards } } });
  expect(parseConfig(config, 'example').routes[0]?.shardKey.length).toBe(8);
});

it('shows listeners and upstreams that are right, as far as files can be missing', () => {
  const part = (key: string): object => {
    const text = examples('docs/config.md').find((each) => each.startsWith(`${key}:`) && !/^routes:/m.test(each));
    return parse(text ?? '') as object;
  };
  const docs = { ...part('upstream'), ...part('health'), shards: [{ id: 's0', address: '127.0.0.1:1' }] };
  const routes = [{ match: { prefix: '/' }, cluster: 'docs' }];
  configSchema.parse({ ...part('listen'), ...part('drain'), routes, clusters: { docs } });
});

it('shows topologies and registries that are right', () => {
  const all = examples('docs/registry.md');
  const [topology, user] = all as [string, string];
  const routers = all.find((text) => text.includes('fromRegistry')) as string;
  expect(parseTopology(topology, 'example').pins).toHaveLength(2);
  registrySchema.parse((parse(user) as { registry: unknown }).registry);
  const route = { match: { prefix: '/' }, cluster: 'docs' };
  const config = { listen: [{ address: '127.0.0.1:1' }], routes: [route], ...(parse(routers) as object) };
  expect(parseConfig(stringify(config), 'example').registry?.leaseMs).toBe(10_000);
});

it("shows a config of a controller's REST interface that is right", () => {
  const [config] = examples('docs/redis-rest.md').map((text) => parse(text) as object);
  expect(controllerSchema.parse(config).api?.listen).toBe('127.0.0.1:9379');
});

it("shows a controller's config that is right, and clusters for the routers beside it", () => {
  const [controller, router] = examples('docs/redis-controller.md').map((text) => parse(text) as object);
  expect(Object.keys(controllerSchema.parse(controller).clusters)).toEqual(['cache']);
  configSchema.parse({ ...router, listen: [{ address: '127.0.0.1:1', redis: { cluster: 'cache' } }] });
});

it('shows a plan of a load that is right', () => {
  const [plan] = examples('docs/load.md').map((text) => planSchema.parse(parse(text)));
  expect(Object.keys(plan?.calls ?? {})).toEqual(['put', 'get', 'watch']);
});

it('shows housekeeping that is right, with the defaults that there are', () => {
  const [shard, node] = examples('docs/housekeeping.md').map((text) => parse(text) as object) as [object, object];
  expect(shardHousekeepingSchema.parse(shard)).toMatchObject(shardHousekeepingSchema.parse({}));
  nodeHousekeepingSchema.parse(node);
  nodeHousekeepingSchema.parse(parse(read('examples/housekeeping/housekeeping.yaml')));
});

/** All sources as one text, in which what varies in a message stands as … */
function messagesOfSources(): string {
  const files = globSync('src/**/*.{ts,js}', { cwd: root }).filter((file) => !file.endsWith('.spec.ts'));
  return files
    .map((file) => read(file))
    .join('\n')
    .replaceAll(/\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}/g, '…')
    .replaceAll("\\'", "'");
}

it('tells in troubleshooting what commands and routers say, word by word', () => {
  const sources = messagesOfSources();
  const quoted = [...read('docs/troubleshooting.md').matchAll(/^\| `([^`]+)` \|/gm)].map(([, text]) => text ?? '');
  expect(quoted.length).toBeGreaterThan(30);
  const systems = ['ECONNREFUSED'];
  const parts = quoted.filter((text) => !systems.includes(text)).flatMap((text) => text.split('…'));
  const unknown = parts.map((part) => part.trim()).filter((part) => part.length > 3 && !sources.includes(part));
  expect(unknown).toEqual([]);
});

it('links to files and headings that exist', () => {
  const pages = [
    'README.md',
    'SECURITY.md',
    'CONTRIBUTING.md',
    'ARCHITECTURE.md',
    ...globSync('docs/*.md', { cwd: root }),
  ];
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].flatMap(([, target = '']) => {
      const [file = '', heading] = target.split('#');
      const there = file === '' ? page : join(dirname(page), file);
      if (!existsSync(join(root, there))) return [`${page}: ${target}`];
      return heading === undefined || anchorsOf(there).has(heading) ? [] : [`${page}: ${target}`];
    }),
  );
  expect(broken).toEqual([]);
});

/** Headings as GitHub links to them. */
function anchorsOf(page: string): Set<string> {
  const headings = [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, text]) => text ?? '');
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Of what an example may be, whole or from a field on. */
function exampleSchemas(): JsonSchema[] {
  const config = configJsonSchema() as JsonSchema;
  const { routes, clusters } = config.properties as Record<string, JsonSchema>;
  const others = [shardHousekeepingSchema, nodeHousekeepingSchema, planSchema, controllerSchema].map(
    (schema) => z.toJSONSchema(schema, { io: 'input' }) as JsonSchema,
  );
  return [
    config,
    routes?.items ?? {},
    clusters?.additionalProperties as JsonSchema,
    topologyJsonSchema() as JsonSchema,
    ...others,
  ];
}

it('says of each value in an example whether it is the default', () => {
  const schemas = exampleSchemas();
  const values = globSync('docs/*.md', { cwd: root }).flatMap((page) =>
    examples(page).flatMap((text) => {
      const fields = Object.keys(parse(text) as object);
      const whole = schemas.find(({ properties = {} }) => fields.every((field) => field in properties));
      return whole === undefined ? [] : defaultedValues(text, whole).map((value) => ({ page, ...value }));
    }),
  );
  expect(values.length).toBeGreaterThan(60);
  const isMarked = (comment: string, value: unknown, standard: unknown): boolean =>
    value === standard
      ? /default(?!:)/.test(comment)
      : [`default: ${standard}`, `default: "${standard}"`, `default ${standard}`, `${standard}, the default`].some(
          (mark) => comment.includes(mark),
        );
  const unmarked = values.filter(({ line, value, default: standard }) => {
    const at = line.search(/ #/);
    return !isMarked(at < 0 ? '' : line.slice(at), value, standard);
  });
  expect(unmarked.map(({ page, path, line, default: standard }) => `${page} ${path} (${standard}): ${line}`)).toEqual(
    [],
  );
});

it('calls the command as a checkout has it', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/*.md', { cwd: root })];
  const bare = pages.flatMap((page) => read(page).match(/^(?:\$ | {4})keyway [a-z].*$/gm) ?? []);
  expect(bare).toEqual([]);
});

it('names commands, options and arguments that there are', async () => {
  const program = await keywayProgram();
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/*.md', { cwd: root })];
  const lines = pages
    .filter((page) => page !== 'docs/commands.md')
    .flatMap((page) =>
      [...read(page).matchAll(/`(?:npx )?keyway ([^`]+)`|^(?:\$ | {4})npx keyway (.+)$/gm)].map(
        ([, inline, line]) => [page, (inline ?? line ?? '').replace(/ +#.*/, '')] as const,
      ),
    );
  expect(lines.length).toBeGreaterThan(100);
  const faults = lines.flatMap(([page, line]) =>
    wordFaults(program, line).map((fault) => `${page}: keyway ${line}: ${fault}`),
  );
  expect(faults).toEqual([]);
});

it("lists Redis's commands as the router takes them", () => {
  expect(read('docs/redis-commands.md')).toBe(redisCommands());
});

it('lists every command with its options, and every variable of the environment that is read', async () => {
  expect(read('docs/commands.md')).toBe(await commandIndex());
  const files = globSync('src/**/*.{ts,js}', { cwd: root });
  const variables = files.flatMap((file) =>
    [...read(file).matchAll(/process\.env\.(\w+)|const \{ (.+) \} = process\.env;|\.env\('(\w+)'\)/g)].flatMap(
      ([, field, fields = '', option]) =>
        [field ?? option, ...[...fields.matchAll(/[A-Z][A-Z_]+/g)].map(([name]) => name)].filter(Boolean),
    ),
  );
  expect(variables).toEqual(expect.arrayContaining(['KEYWAY_REGISTRY', 'KEYWAY_TOKEN', 'KEYWAY_ENDPOINT']));
  expect(Object.keys(VARIABLES)).toEqual(expect.arrayContaining(variables));
});
