import type { z } from 'zod';
import type { Method } from '../admin/index.ts';
import type { Api } from './api.ts';
import type { Names } from './names.ts';

/** Something that can be asked for. */
export interface Operation {
  /** Its name for programs. */
  readonly id: string;
  readonly method: Method;
  /** Below `/api/v1`, with names in braces. */
  readonly path: string;
  readonly summary: string;
  /** What comes with it; null: nothing. */
  readonly body: z.ZodType | null;
  /** The status where it is done; 204: nothing is answered. */
  readonly status: 200 | 201 | 204;
  /** What `data` is then; null: it is null. */
  readonly data: z.ZodType | null;
  /** What else may become of it, with the reason for people. */
  readonly refusals: readonly number[];
  /** @param body checked. @param gone aborted once nobody waits for it any more. @throws whatever `refusalOf` knows */
  run(api: Api, names: Names, body: unknown, gone: AbortSignal): Promise<unknown>;
}

/** An operation whose body has a schema. */
export function operation<Body extends z.ZodType>(
  fields: Omit<Operation, 'body' | 'run'> & {
    readonly body: Body;
    run(api: Api, names: Names, body: z.output<Body>, gone: AbortSignal): Promise<unknown>;
  },
): Operation {
  return { ...fields, run: (api, names, body, gone) => fields.run(api, names, body as z.output<Body>, gone) };
}
