import { expect, it } from 'vitest';
import { z } from 'zod';
import type { Entry, Revision } from './store/store.ts';
import { parsed } from './unreadable.ts';

const entry = (value: string): Entry => ({
  key: 'handoff/default/docs',
  value,
  created: 1 as Revision,
  revision: 1 as Revision,
});

it('says in plain words why an entry cannot be read', () => {
  const schema = z.object({ step: z.enum(['stage', 'drain']), to: z.number() });
  expect(parsed(entry('{"step": "drain", "to": 2, "later": true}'), schema)).toEqual({ step: 'drain', to: 2 });
  const at = "the registry's entry handoff/default/docs cannot be read:";
  expect(() => parsed(entry('{"step": "leap"}'), schema)).toThrow(
    `${at} step is "leap"; give stage or drain; to is missing; give a number`,
  );
  expect(() => parsed(entry('[]'), schema)).toThrow(`${at} is a list; give a mapping`);
  expect(() => parsed(entry('{'), schema)).toThrow(`${at} it is not JSON`);
});

it('reads an entry once by each schema', () => {
  const [one, same] = [entry('{"step": "drain"}'), entry('{"step": "drain"}')];
  const schema = z.object({ step: z.string() });
  expect(parsed(one, schema)).toBe(parsed(one, schema));
  expect(parsed(same, schema)).not.toBe(parsed(one, schema));
  expect(parsed(one, z.object({}))).toEqual({});
});
