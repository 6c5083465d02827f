import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

it('says which Node it needs before it uses anything that an older one lacks', async () => {
  vi.stubGlobal('process', { ...process, version: 'v20.1.0', versions: { ...process.versions, node: '20.1.0' } });
  await expect(import('./index.ts')).rejects.toThrow('keyway: the library needs Node 26 or newer; this is v20.1.0');
});
