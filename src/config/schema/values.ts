import { z } from 'zod';
import { patternFault } from '../../proxy/index.ts';

export { address, exactlyOne, identifier, reachableAddress } from '../../topology/index.ts';
export { duration, filePath as file, size } from '../../yaml/index.ts';

export const headerName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'is not the name of a header');

export const pattern = z.string().superRefine((text, context) => {
  const fault = patternFault(text);
  if (fault !== null) context.addIssue(`is not a valid RE2 expression: ${fault}`);
});

export const beginsWithSlash = z.string().startsWith('/', 'begin it with /');

export const method = z.string().regex(/^[A-Z]+$/, 'write a method in capitals, such as POST');

export const count = (most: number) => z.int().min(1).max(most);
