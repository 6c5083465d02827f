import { execFile } from 'node:child_process';
import { afterEach, expect, it } from 'vitest';
import { TestAuthority } from '../support/certificates.ts';
import { startRouter } from '../support/cluster.ts';
import { startHttpBackend } from '../support/http-backend.ts';
import { Scope } from '../support/processes.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('agrees with openssl s_client', async () => {
  const authority = new TestAuthority(scope.folder());
  const tls = { certificates: [authority.issue('DNS:a.example')] };
  const backend = await startHttpBackend(scope, 's0', 'http2');
  const router = await startRouter(scope, { shards: [backend.port], listener: { tls } });
  const text = await new Promise<string>((resolve, reject) => {
    const connectTo = [
      '-connect',
      router.endpoint,
      '-servername',
      'a.example',
      '-alpn',
      'h2',
      '-CAfile',
      authority.certificate,
    ];
    const child = execFile(
      'openssl',
      ['s_client', ...connectTo, '-verify_return_error', '-brief'],
      (error, out, err) => (error === null ? resolve(out + err) : reject(new Error(err))),
    );
    child.stdin?.end();
  });
  expect(text).toMatch(/Protocol version: TLSv1\.3/);
  expect(text).toMatch(/Verification: OK/);
});
