import { z } from 'zod';

/** What a process logs, as its config says it. */
export const logSettings = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .describe('The least severe level that is logged.'),
  })
  .prefault({})
  .describe('JSON lines on standard error.');
