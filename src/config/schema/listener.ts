import { z } from 'zod';
import { file } from './values.ts';

export const serverTls = z
  .strictObject({
    certificates: z
      .array(z.strictObject({ certificate: file, key: file }))
      .min(1)
      .describe('PEM files; the one that has the name that the client asks for is shown, else the first.'),
    clientAuthorities: file
      .optional()
      .describe('PEM file of authorities. With it every client has to show a certificate of theirs.'),
    minimumVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
  })
  .describe('TLS for clients. Files that change are read again; open connections go on.');
