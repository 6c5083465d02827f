import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** An authority of a test's own, made with openssl, in a folder of the test's. */
export class TestAuthority {
  readonly #folder: string;
  readonly certificate: string;
  readonly #key: string;
  #issued = 0;

  constructor(folder: string, name = 'test authority') {
    this.#folder = folder;
    this.certificate = join(folder, 'authority.pem');
    this.#key = join(folder, 'authority.key');
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', this.#key);
    openssl('req', '-x509', '-new', '-key', this.#key, '-days', '2', '-subj', `/CN=${name}`, '-out', this.certificate);
  }

  /** A certificate for names and addresses, such as `DNS:a.example` or `IP:127.0.0.1`. */
  issue(...names: readonly string[]): IssuedCertificate {
    const base = join(this.#folder, `issued-${this.#issued++}`);
    const [key, request, extensions, certificate] = [`${base}.key`, `${base}.csr`, `${base}.ext`, `${base}.pem`];
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key);
    openssl('req', '-new', '-key', key, '-subj', `/CN=${(names[0] ?? 'client').replace(/^.*:/, '')}`, '-out', request);
    writeFileSync(extensions, names.length > 0 ? `subjectAltName=${names.join(',')}\n` : 'basicConstraints=CA:FALSE\n');
    const authority = ['-CA', this.certificate, '-CAkey', this.#key, '-CAcreateserial'];
    openssl('x509', '-req', '-in', request, ...authority, '-days', '2', '-extfile', extensions, '-out', certificate);
    return { certificate, key };
  }
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
