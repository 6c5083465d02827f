import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkDocument, parseYaml } from './document.ts';
import { checked } from './own-words.ts';
import { filePath as file } from './schema-node.ts';

const schema = z.strictObject({
  level: z.enum(['info', 'warn']).optional(),
  workers: z.int().min(1).max(64).optional(),
  names: z.array(z.string().min(1)).min(1).optional(),
  log: z.strictObject({ path: file.default('.keyway/log') }).optional(),
  key: z.union([file, z.array(file)]).optional(),
  tls: z.record(z.string(), z.strictObject({ certificate: file, note: z.string().optional() })).optional(),
  way: z.union([z.strictObject({ goaway: z.boolean() }), z.strictObject({ end: z.boolean() })]).optional(),
});

const read = (text: string, from = '/etc/keyway/keyway.yaml') => parseYaml(text, from, schema, (value) => value);
const faultOf = (text: string): string => {
  try {
    read(text, 'a.yaml');
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
};

describe('a fault', () => {
  it.each([
    ['level: loud', 'a.yaml:1:8 level: is "loud"; give info or warn'],
    ['workers: many', 'a.yaml:1:10 workers: is "many"; give a number'],
    ['workers: 0', 'a.yaml:1:10 workers: give at least 1'],
    ['workers: 65', 'a.yaml:1:10 workers: give at most 64'],
    ['workers: 1.5', 'a.yaml:1:10 workers: is "1.5"; give a whole number'],
    ['workers: [1]', 'a.yaml:1:10 workers: is a list; give a number'],
    ['names: []', 'a.yaml:1:8 names: is empty; give one or more'],
    ['names: [""]', 'a.yaml:1:9 names.0: is empty; give a text'],
    ['log: yes please', 'a.yaml:1:6 log: is "yes please"; give a mapping'],
    ['tls: {a: {}}', 'a.yaml:1:10 tls.a.certificate: is missing; give a text'],
    ['tls: {a: {certificate: x, nte: y}}', 'a.yaml:1:27 tls.a.nte: there is no such field; did you mean note?'],
    ['a page of text '.repeat(9), `a.yaml:1:1 is "${'a page of text '.repeat(9).slice(0, 100)}…"; give a mapping`],
    [`level: |\n  one\n  two`, 'a.yaml:1:8 level: is "one\\u000atwo\\u000a"; give info or warn'],
    [`${'k'.repeat(200)}: 1`, /^a\.yaml:1:1 k{100}…: there is no such field; known/],
    ['level: *nowhere', 'a.yaml:1:8 not YAML: Unresolved alias (the anchor must be set before the alias): nowhere'],
    ['level: info\n---\nlevel: warn\n', 'a.yaml:2:1 holds several documents (---), and may hold one'],
    ['level: "info', /^a\.yaml:1:\d+ not YAML: Missing closing "quote$/],
    [`}{${'x'.repeat(500)}`, /^a\.yaml:1:\d+ not YAML: .{1,101}$/],
    ['lvel: info', 'a.yaml:1:1 lvel: there is no such field; did you mean level?'],
    [
      'tls: {a: {certificate: x, frobnicate: y}}',
      'a.yaml:1:27 tls.a.frobnicate: there is no such field; known ones are certificate, note',
    ],
  ])('is reported in our own words: %s', (text, message) => {
    if (typeof message === 'string') expect(faultOf(text)).toBe(message);
    else expect(faultOf(text)).toMatch(message);
  });

  it('names fields if one of several forms was meant, and always at least one', () => {
    expect(faultOf('way: {godawy: true}')).toMatch(/^a\.yaml:1:6 way: .*one of the forms/);
    expect(faultOf('log: {path: x, pth: y}')).toContain('did you mean path?');
  });

  it('is reported in the same way in documents without lines', () => {
    const check = (value: object) => () => checkDocument(value, 'the command line', schema, (each) => each);
    expect(check({ lvel: 1 })).toThrow('the command line: lvel: there is no such field; did you mean level?');
    expect(check({ level: 'loud' })).toThrow('the command line: level: is "loud"; give info or warn');
  });
});

describe('what a program has written', () => {
  it('is read by its schema, or its fault is reported in one line of our own words', () => {
    expect(checked(schema, { level: 'info' })).toEqual({ value: { level: 'info' } });
    expect(checked(schema, { level: 7, names: [''], lvel: 1 })).toEqual({
      fault: 'level is "7"; give info or warn; names.0 is empty; give a text; has unknown fields: lvel',
    });
    expect(checked(schema, null)).toEqual({ fault: 'is nothing; give a mapping' });
    expect(
      checked(
        z.map(
          z.string(),
          z.custom(() => false),
        ),
        new Map([['a', 1]]),
      ),
    ).toEqual({
      fault: 'a is not valid',
    });
  });
});

describe('a relative path', () => {
  it('is taken from the folder of the file that names it', () => {
    const { log, key, tls } = read(
      'log: {path: logs/a}\nkey: [key.pem, ../key.pem]\ntls: {a: {certificate: c.pem, note: c.pem}}',
    );
    expect(log?.path).toBe('/etc/keyway/logs/a');
    expect(key).toEqual(['/etc/keyway/key.pem', '/etc/key.pem']);
    expect(tls?.a).toEqual({ certificate: '/etc/keyway/c.pem', note: 'c.pem' });
    expect(read('key: k.pem').key).toBe('/etc/keyway/k.pem');
  });

  it('stays as it is where it is absolute, a default, or stands for standard output', () => {
    expect(read('log: {path: /var/log/a}').log?.path).toBe('/var/log/a');
    expect(read('log: {path: "-"}').log?.path).toBe('-');
    expect(read('log: {}').log?.path).toBe('.keyway/log');
    expect(read('key: k.pem', 'keyway.yaml').key).toBe('k.pem');
  });
});
