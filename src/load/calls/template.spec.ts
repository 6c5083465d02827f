import { expect, it } from 'vitest';
import { Template, TemplateError } from './template.ts';

const VALUES = { key: 'p/d', project: 'p', document: 'd', seq: 7, line: 'a line', revision: 41 };
const render = (text: string): string => new Template(text, 'the data', () => 0.5).render(VALUES);

it('puts in what the names stand for', () => {
  expect(render('{"k": "{{key}}", "p": "{{ project }}/{{document}}", "n": {{seq}}}')).toBe(
    '{"k": "p/d", "p": "p/d", "n": 7}',
  );
  expect(render('{{line}} after {{revision}}')).toBe('a line after 41');
  expect(render('{{random 10 20}}')).toBe('15');
  expect(render('{{uuid}}')).toMatch(/^[0-9a-f-]{36}$/);
  expect(render('{{uuid}}')).not.toBe(render('{{uuid}}'));
  expect(render('no names, {one} {"brace": {}}')).toBe('no names, {one} {"brace": {}}');
});

it('knows whether the text is the same for all requests', () => {
  const constant = (text: string): boolean => new Template(text, 'it', Math.random).isConstant;
  expect([constant('abc'), constant(''), constant('a{{seq}}')]).toEqual([true, true, false]);
});

it('reports an unknown name, and lists the known ones', () => {
  expect(() => render('abc{{kee}}')).toThrow(TemplateError);
  expect(() => render('abc{{kee}}')).toThrow(
    'the data, character 4: {{kee}} is not one of {{key}}, {{project}}, {{document}}, {{seq}}, {{line}}, {{revision}}, {{uuid}}, {{random LEAST MOST}}',
  );
  for (const wrong of ['{{random 5}}', '{{random 5 1}}', '{{random a b}}', '{{key 1}}'])
    expect(() => render(wrong)).toThrow(TemplateError);
});
