import { expect, it } from 'vitest';
import { hiddenKey, isSecretName, isSecretSource } from './secret-keys.ts';

it('treats as secret whatever grants access to its bearer', () => {
  for (const name of [
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'x-api-key',
    'apikey',
    'access_token',
    'x-session-id',
    'sid',
    'x-auth',
    'jwt',
  ])
    expect(isSecretName(name), name).toBe(true);
  for (const name of ['x-shard-key', 'x-user-id', 'document', 'side', 'project', 'x-request-id', 'host'])
    expect(isSecretName(name), name).toBe(false);
  expect(isSecretSource({ cookie: 'theme' })).toBe(true);
  expect(isSecretSource({ header: 'authorization', pattern: '^Bearer (.*)$' })).toBe(true);
  expect(isSecretSource({ query: 'token' })).toBe(true);
  expect(isSecretSource({ query: 'document' })).toBe(false);
  expect(isSecretSource({ path: '^/(.*)$' })).toBe(false);
  expect(isSecretSource({ value: 'token' })).toBe(false);
});

it('shows the same for the same key, and nothing of it', () => {
  expect(hiddenKey('a-session')).toMatch(/^sha256:[0-9a-f]{16}$/);
  expect(hiddenKey('a-session')).toBe(hiddenKey('a-session'));
  expect(hiddenKey('a-session')).not.toBe(hiddenKey('a-sessioo'));
});
