import { expect, it } from 'vitest';
import { nodeHousekeepingSchema } from './settings.ts';

it('sends a token to a backend on another machine over TLS only, unless configured otherwise', () => {
  const fault = (http: object): string | undefined =>
    nodeHousekeepingSchema.safeParse({ backend: { http }, tasks: { expire: {} } }).error?.issues[0]?.message;
  const tokenFile = '/token';
  expect(fault({ url: 'http://10.0.0.1/', tokenFile })).toContain('the token would be visible on the network');
  expect(fault({ url: 'http://127.evil.example/', tokenFile })).toContain('the token would be visible');
  for (const http of [
    { url: 'http://10.0.0.1/', tokenFile, insecure: true },
    { url: 'http://10.0.0.1/' },
    { url: 'https://10.0.0.1/', tokenFile },
    { url: 'http://127.0.0.1:9301/x', tokenFile },
    { url: 'http://[::1]:9301/x', tokenFile },
    { url: 'http://localhost/', tokenFile },
  ])
    expect(fault(http), http.url).toBeUndefined();
});
