import { describe, expect, it } from 'vitest';
import { Departures } from './departures.ts';

const nothingOpen = (): Promise<void> => Promise.resolve();

describe('Departures', () => {
  it('reports a cluster as gone once nothing is open to it', async () => {
    const departures = new Departures();
    departures.add('docs');
    const gone = departures.gone('docs');
    await departures.look(async (visit) => visit('docs'));
    expect(departures.has('docs')).toBe(true);
    await departures.look(nothingOpen);
    expect(await gone).toBe(true);
    expect(departures.has('docs')).toBe(false);
  });

  it('does not report one as gone that came back and left again during the check', async () => {
    const departures = new Departures();
    departures.add('docs');
    const first = departures.gone('docs');
    await departures.look(async () => {
      departures.comeBack('docs');
      departures.add('docs');
    });
    expect(await first).toBe(false);
    expect(departures.has('docs')).toBe(true);
  });
});
