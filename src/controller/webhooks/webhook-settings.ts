import { z } from 'zod';
import { SHORTEST_TOKEN } from '../../runtime/named-file.ts';
import { filePath, type Report } from '../../yaml/index.ts';
import { reportedSecret } from '../api-access.ts';
import { EVENT_NAMES } from '../event.ts';
import type { WebhookSettings } from './webhook.ts';

/** Each has a queue of its own. */
const MAX_WEBHOOKS = 32;

export const webhooksSchema = z
  .array(
    z.strictObject({
      url: z.url({ protocol: /^https?$/ }).describe('What is called by POST, by http or https.'),
      events: z
        .array(z.enum(EVENT_NAMES))
        .min(1)
        .default([...EVENT_NAMES])
        .describe('What it wants to know; by default all of it.'),
      secretFile: filePath.optional().describe('A file with the secret that calls are signed with.'),
    }),
  )
  .max(MAX_WEBHOOKS)
  .default([])
  .describe('Who is called when something happens to a cluster.');

export function webhooksOf(webhooks: z.output<typeof webhooksSchema>, report: Report): WebhookSettings[] {
  return webhooks.map(({ url, events, secretFile }, i) => ({
    url,
    events,
    secret:
      secretFile === undefined
        ? null
        : reportedSecret(secretFile, ['webhooks', i, 'secretFile'], report, SHORTEST_TOKEN),
  }));
}
