import { expect, it } from 'vitest';
import { z } from 'zod';
import { duration, size } from './quantity-fields.ts';
import { upgradeDocument } from './upgrade.ts';

const schema = z.strictObject({
  drain: z.strictObject({ window: duration(), rate: z.int() }).optional(),
  drainTimeout: duration().optional(),
  limits: z.strictObject({ maxHeaderListSize: size(), leastContentPerSecond: size(), bytes: size() }).optional(),
  routes: z.array(z.strictObject({ timeout: duration().optional(), name: z.string() })).optional(),
  tasks: z.record(z.string(), z.union([z.literal(false), z.strictObject({ every: duration() })])).optional(),
});
const schemas = [
  z.toJSONSchema(schema, { io: 'input' }),
  z.toJSONSchema(z.strictObject({ after: duration() }), { io: 'input' }),
];
const upgraded = (text: string) => upgradeDocument(text, 'a.yaml', schemas)?.text;

it('gives values their units, and leaves comments, order and layout as they are', () => {
  const text = `# how streams end
drain:    {windowMs: 5_000, rate: 3}   # windowMs: 7 here is a comment
drainSeconds: 90

limits:
    bytes: 65536 # bare
    "maxHeaderListBytes": 16384
    leastContentBytesPerSecond:   100
routes:
- name: 'timeoutMs: 5'
  timeoutMs: 250
tasks: {a: false, b: {everyMs: 3600000}}
`.replace('5_000', '5000');
  expect(upgraded(text)).toBe(`# how streams end
drain:    {window: 5s, rate: 3}   # windowMs: 7 here is a comment
drainTimeout: 90s

limits:
    bytes: 64KiB # bare
    "maxHeaderListSize": "16KiB"
    leastContentPerSecond:   100B
routes:
- name: 'timeoutMs: 5'
  timeout: 250ms
tasks: {a: false, b: {every: 1h}}
`);
});

it('keeps JSON as JSON', () => {
  expect(upgraded('{"drain":{"windowMs":5000,"rate":1},\r\n"drainSeconds": 0}')).toBe(
    '{"drain":{"window":"5s","rate":1},\r\n"drainTimeout": "0s"}',
  );
});

it('follows aliases, and leaves the anchor', () => {
  expect(upgraded('drainSeconds: &t 5\nroutes: [{name: a, timeoutMs: *t}]')).toBe(
    'drainTimeout: &t 5s\nroutes: [{name: a, timeout: 5ms}]',
  );
});

it('changes nothing in a document that is up to date, and recognises documents of other kinds', () => {
  const text = 'drain: {window: 5s, rate: 3}\n';
  expect(upgradeDocument(text, 'a.yaml', schemas)).toEqual({ text, fields: [] });
  expect(upgradeDocument('afterMs: 5000', 'a.yaml', schemas)?.text).toBe('after: 5s');
  expect(upgradeDocument('name: x', 'a.yaml', schemas)).toBeNull();
  expect(upgradeDocument('', 'a.yaml', schemas)).toBeNull();
});

it('leaves what it cannot understand to whoever reads the file', () => {
  const text = 'drain: {windowMs: soon, window: 5, rate: 1}\nfrobnicateMs: 5\n';
  expect(upgraded(text)).toBe(text);
});

it('refuses a field that has both names, and what is not YAML', () => {
  expect(() => upgraded('drain:\n  windowMs: 5\n  window: 5s\n')).toThrow(
    'a.yaml:2:3 windowMs: window is there too; remove one of them',
  );
  expect(() => upgraded('drain: [')).toThrow(/^a\.yaml:1:9 not YAML/);
});
