import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectId,
  octetString,
  sequence,
  set,
  utcTime,
  utf8,
} from './der.ts';

export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** An authority of a test's own, in a folder of the test's. */
export class TestAuthority {
  readonly #folder: string;
  readonly #name: string;
  readonly certificate: string;
  readonly #key: KeyObject;
  #issued = 0;

  constructor(folder: string, name = 'test authority') {
    this.#folder = folder;
    this.#name = name;
    this.certificate = join(folder, 'authority.pem');
    this.#key = newKey(join(folder, 'authority.key'));
    const extensions = [extension(BASIC_CONSTRAINTS, sequence(boolean(true)), true)];
    writeFileSync(this.certificate, signed(this.#tbs(name, this.#key, extensions, Date.now() + 2 * DAY_MS), this.#key));
  }

  /** A certificate for names and addresses, such as `DNS:a.example` or `IP:127.0.0.1`. */
  issue(...names: readonly string[]): IssuedCertificate {
    return this.#issue(names, Date.now() + 2 * DAY_MS);
  }

  /** A client's certificate that has run out. */
  issueExpired(): IssuedCertificate {
    return this.#issue([], Date.now() - DAY_MS / 2);
  }

  #issue(names: readonly string[], untilMs: number): IssuedCertificate {
    const base = join(this.#folder, `issued-${this.#issued++}`);
    const [key, certificate] = [`${base}.key`, `${base}.pem`];
    const subject = (names[0] ?? 'client').replace(/^.*:/, '');
    const extensions = [
      names.length > 0
        ? extension(SUBJECT_ALT_NAME, sequence(...names.map(generalName)))
        : extension(BASIC_CONSTRAINTS, sequence()),
    ];
    writeFileSync(certificate, signed(this.#tbs(subject, newKey(key), extensions, untilMs), this.#key));
    return { certificate, key };
  }

  /** What is signed of a certificate, good since yesterday (RFC 5280, 4.1). */
  #tbs(subject: string, key: KeyObject, extensions: readonly Buffer[], untilMs: number): Buffer {
    return sequence(
      explicit(0, integer(Buffer.from([2]))),
      // Positive, whatever comes of chance.
      integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
      sequence(objectId(ECDSA_WITH_SHA256)),
      name(this.#name),
      sequence(utcTime(Date.now() - DAY_MS), utcTime(untilMs)),
      name(subject),
      createPublicKey(key).export({ type: 'spki', format: 'der' }),
      explicit(3, sequence(...extensions)),
    );
  }
}

const DAY_MS = 86_400_000;
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const SUBJECT_ALT_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';

function newKey(file: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return privateKey;
}

function name(common: string): Buffer {
  return sequence(set(sequence(objectId(COMMON_NAME), utf8(common))));
}

function extension(id: string, value: Buffer, isCritical = false): Buffer {
  return sequence(objectId(id), ...(isCritical ? [boolean(true)] : []), octetString(value));
}

/** RFC 5280, 4.2.1.6: a dNSName, or an iPAddress. */
function generalName(text: string): Buffer {
  const value = text.replace(/^(DNS|IP):/, '');
  if (isIP(value) === 4) return implicit(7, Buffer.from(value.split('.').map(Number)));
  return implicit(2, Buffer.from(value, 'latin1'));
}

function signed(tbs: Buffer, key: KeyObject): string {
  const certificate = sequence(tbs, sequence(objectId(ECDSA_WITH_SHA256)), bitString(sign('sha256', tbs, key)));
  const lines = certificate.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
