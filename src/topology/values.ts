import { z } from 'zod';

/** `host:port`, the host a name, an IPv4 address or an IPv6 address in brackets. */
const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):([0-9]{1,5})$/;

function addressWith(leastPort: number) {
  return z.string().superRefine((text, context) => {
    const port = ADDRESS.exec(text)?.[2];
    // A user may have written a URL here, and in it a password.
    const shown = text.replace(/[^/]*@/, '…@');
    if (port === undefined) context.addIssue(`"${shown}" is not an address; write host:port, such as 127.0.0.1:8080`);
    else if (Number(port) > 65535) context.addIssue(`port ${port} is beyond the last one, 65535`);
    else if (Number(port) < leastPort)
      context.addIssue(`port ${port} is none to connect to; write the port that is listened on`);
  });
}

/** Where something listens; port 0 has the system choose a port. */
export const address = addressWith(0);

/** Where something is reached. */
export const reachableAddress = addressWith(1);

export const identifier = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'write a name of letters, digits, ".", "_" and "-", at most 63 long');

/** Of several alternatives, each a field, exactly one has to be there. */
export function exactlyOne(
  value: Readonly<Record<string, unknown>>,
  context: z.RefinementCtx,
  names: readonly string[],
): void {
  const given = names.filter((name) => value[name] !== undefined);
  if (given.length !== 1) {
    const found = given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`;
    context.addIssue(`give exactly one of ${names.join(', ')}; ${found}`);
  }
}
