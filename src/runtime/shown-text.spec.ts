import { expect, it } from 'vitest';
import { shownText } from './shown-text.ts';

it('shows a short line of what another program says, without what it was sent in confidence', () => {
  expect(shownText(' no such\r\n\u001b[31mkey\n')).toBe('no such [31mkey');
  expect(shownText('x'.repeat(201))).toBe(`${'x'.repeat(200)}…`);
  expect(shownText('Bearer hunter2 is not known; hunter2', 'hunter2')).toBe('Bearer (secret) is not known; (secret)');
  // Nothing of it is left at the end of what is shown.
  expect(shownText(`${'x'.repeat(195)}hunter2`, 'hunter2')).not.toContain('hunt');
});
