import { request } from 'node:http';
import { addressText, type HostPort } from '../runtime/address.ts';
import { plainText } from '../runtime/foreign-errors.ts';
import { UsageError } from '../runtime/usage-error.ts';

/** The admin address tells by these that it has done, or has not done, what was asked. */
const ANSWERED: ReadonlySet<number | undefined> = new Set([200, 422]);

/** Asks a router's admin address to do something. @returns what it answers. @throws UsageError where it does not */
export function postToAdmin(admin: HostPort, path: string, token: string | null): Promise<unknown> {
  const { host, port } = admin;
  const headers = { 'content-length': 0, ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path, method: 'POST', headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (ANSWERED.has(response.statusCode)) resolve(JSON.parse(text));
        else
          reject(new UsageError(`the router at ${addressText(admin)} refuses: ${reasonOf(response.statusCode, text)}`));
      });
    });
    asked.on('error', (cause: NodeJS.ErrnoException) => {
      reject(new UsageError(`${plainText(cause)}: name the router's admin address by --admin`, { cause }));
    });
    asked.end();
  });
}

function reasonOf(status: number | undefined, text: string): string {
  return status === 401 ? 'it wants a token; name its file by --token-file' : text.trim();
}
