import { z } from 'zod';
import { duration } from '../../yaml/index.ts';

const METHOD = /^[A-Za-z_][\w.]*\/[A-Za-z_]\w*$/;
const method = z.string().regex(METHOD, 'write package.Service/Method');

/** A call, as a plan describes it. */
export const callSchema = z
  .strictObject({
    grpc: method.optional().describe('package.Service/Method, by gRPC.'),
    connect: method.optional().describe('package.Service/Method, by Connect with JSON.'),
    http: z
      .string()
      .regex(/^[A-Z]+ \/\S*$/, "write a request such as 'GET /notes/{{key}}'")
      .optional()
      .describe('A method and a path.'),
    data: z
      .union([
        z.string(),
        z.record(z.string(), z.unknown()),
        z.array(z.union([z.string(), z.record(z.string(), z.unknown())])),
      ])
      .optional()
      .describe('The content: text, or an object for JSON. A list has a message each, for methods that take a stream.'),
    messages: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(1)
      .describe('How often the data is sent, for methods that take a stream.'),
    every: duration({ least: 1 }).optional().describe('The time between messages; without it they are sent together.'),
    headers: z
      .record(z.string(), z.string())
      .default({})
      .describe('Headers to send; they may contain {{key}} and the like.'),
    ok: z.array(z.string()).default([]).describe('Statuses that are not errors here, such as NOT_FOUND or 404.'),
    weight: z.number().min(0).default(1).describe('How often the call is made, relative to the others.'),
    streams: z.boolean().default(false).describe('Connect without a schema: the answer is a stream of messages.'),
    writes: z.boolean().default(false).describe('For --check: watches must see the revision of this call.'),
    revision: z
      .string()
      .min(1)
      .optional()
      .describe('Where an answer has its revision: a field such as document.revision, or header:NAME.'),
    watch: z
      .strictObject({
        open: z.int().min(0).default(0).describe('How many watches are open from the beginning.'),
        life: duration({ least: 1 })
          .optional()
          .describe('How long a client keeps it open on average before another takes its place.'),
        resumes: z
          .boolean()
          .default(false)
          .describe('The watch resumes after {{revision}}: nothing between two streams may be missed.'),
      })
      .optional()
      .describe('Holds the call open, and opens it again when it ends.'),
  })
  .superRefine(({ grpc, connect, http }, context) => {
    if ([grpc, connect, http].filter((each) => each !== undefined).length !== 1)
      context.addIssue('give exactly one of grpc, connect, http');
  });

export type CallSettings = z.infer<typeof callSchema>;

/** A run's calls and where their methods are described. */
export const planSchema = z
  .strictObject({
    proto: z.string().min(1).optional().describe('The .proto file, beside this one.'),
    include: z.array(z.string().min(1)).default([]).describe('Folders with the files that it imports.'),
    descriptors: z
      .string()
      .min(1)
      .optional()
      .describe('A descriptor set (protoc --descriptor_set_out --include_imports).'),
    calls: z
      .record(z.string().regex(/^[a-z0-9][a-z0-9_-]*$/i, 'write letters, digits, hyphens'), callSchema)
      .refine((calls) => Object.keys(calls).length > 0, 'give at least one call'),
  })
  .superRefine(({ proto, descriptors }, context) => {
    if (proto !== undefined && descriptors !== undefined) context.addIssue('give proto or descriptors, not both');
  });

export type LoadPlanFile = z.infer<typeof planSchema>;
