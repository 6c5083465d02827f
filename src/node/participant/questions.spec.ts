import { copyFileSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { Agent, request } from 'undici';
import { afterEach, expect, it, vi } from 'vitest';
import { TestAuthority } from '../../../test/support/certificates.ts';
import { Scope } from '../../../test/support/processes.ts';
import { Questions } from './questions.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('answers by TLS where it has a certificate', async () => {
  const authority = new TestAuthority(scope.folder());
  const questions = new Questions((keys) => ({ sequence: 1, lostBy: keys.map(() => 0) }));
  scope.defer(() => questions.close());
  const url = await questions.listen({ host: '127.0.0.1', port: 0, certificate: authority.issue('IP:127.0.0.1') });
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/owns$/);
  const dispatcher = new Agent({ connect: { ca: readFileSync(authority.certificate) } });
  scope.defer(() => dispatcher.destroy());
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ keys: ['a', 'b'] });
  const answer = await request(url, { method: 'POST', headers, body, dispatcher });
  expect(await answer.body.json()).toEqual({ sequence: 1, lostBy: [0, 0] });
});

it('is not there where its certificate cannot be read, and says so', async () => {
  const questions = new Questions(() => null);
  const certificate = { certificate: '/nowhere.pem', key: '/nowhere.key' };
  await expect(questions.listen({ host: '127.0.0.1', port: 0, certificate })).rejects.toThrow(/^\/nowhere\.pem: /);
});

it('shows the certificate that it had where the file can no longer be read, and says so until it can be', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  scope.defer(() => vi.useRealTimers());
  const files = new TestAuthority(scope.folder()).issue('IP:127.0.0.1');
  const kept = scope.file('kept.pem', '');
  copyFileSync(files.certificate, kept);
  const faults: Array<string | null> = [];
  const questions = new Questions(
    () => null,
    (fault) => faults.push(fault),
  );
  scope.defer(() => questions.close());
  await questions.listen({ host: '127.0.0.1', port: 0, certificate: files });
  rmSync(files.certificate);
  // Even when it was changed cannot be asked.
  symlinkSync(files.certificate, files.certificate);
  vi.advanceTimersByTime(10_000);
  expect(faults).toEqual([expect.stringContaining(files.certificate)]);
  rmSync(files.certificate);
  copyFileSync(kept, files.certificate);
  vi.advanceTimersByTime(5000);
  expect(faults).toEqual([expect.any(String), null]);
});
