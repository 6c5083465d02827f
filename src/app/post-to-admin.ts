import { request } from 'node:http';
import { addressText, type HostPort } from '../runtime/address.ts';
import { plainText } from '../runtime/foreign-errors.ts';
import { printableLine } from '../runtime/printable.ts';
import { UsageError } from '../runtime/usage-error.ts';

/** As long as a router takes to read a config of ten thousand shards, several times. */
const ANSWER_MS = 60_000;

/** By these the admin address reports that it has done, or has not done, what was asked. */
const ANSWERED: ReadonlySet<number | undefined> = new Set([200, 422]);

/** Asks a router's admin address to do something. @returns the JSON object that it answers. @throws UsageError where it does not */
export function postToAdmin(admin: HostPort, path: string, token: string | null): Promise<object> {
  return askAdmin(admin, 'POST', path, token);
}

/** Reads a report of a router's admin address. @returns the JSON object that it answers. @throws UsageError where it does not */
export function readFromAdmin(admin: HostPort, path: string, token: string | null): Promise<object> {
  return askAdmin(admin, 'GET', path, token);
}

function askAdmin(admin: HostPort, method: 'GET' | 'POST', path: string, token: string | null): Promise<object> {
  const { host, port } = admin;
  const headers = { 'content-length': 0, ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        const answer = ANSWERED.has(response.statusCode) ? objectIn(text) : null;
        if (answer !== null) resolve(answer);
        else if (ANSWERED.has(response.statusCode)) reject(new UsageError(notOne(admin, 'it answers something else')));
        else {
          const reason = reasonOf(response.statusCode, text);
          // Every answer of an admin address has this header: another server may refuse for reasons of its own.
          const isAdmin = response.headers['x-content-type-options'] !== undefined;
          const fault = isAdmin
            ? `the router at ${addressText(admin)} refuses: ${reason}`
            : notOne(admin, `it answers ${response.statusCode}: ${printableLine(reason.slice(0, MAX_SHOWN))}`);
          reject(new UsageError(fault));
        }
      });
    });
    asked.on('error', (cause: NodeJS.ErrnoException) => {
      reject(new UsageError(connectionFault(admin, cause), { cause }));
    });
    asked.setTimeout(ANSWER_MS, () => {
      reject(new UsageError(notOne(admin, `it does not answer within ${ANSWER_MS / 1000} s`)));
      asked.destroy();
    });
    asked.end();
  });
}

function connectionFault(admin: HostPort, cause: NodeJS.ErrnoException): string {
  // What is no HTTP/1.1 has a code of Node's parser.
  if (cause.code?.startsWith('HPE_') === true) return notOne(admin, 'it does not speak HTTP/1.1');
  if (cause.code === 'ECONNRESET') return notOne(admin, 'it closes the connection');
  return `${plainText(cause)}: ${HINT}`;
}

/** Of another server's answer, which may be a page. */
const MAX_SHOWN = 100;

const HINT = "give the router's admin address with --admin";

function notOne(admin: HostPort, why: string): string {
  return `${addressText(admin)} is not a router's admin address: ${why}; ${HINT}`;
}

function objectIn(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}

function reasonOf(status: number | undefined, text: string): string {
  return status === 401 ? 'it wants a token; name its file by --token-file' : text.trim();
}
