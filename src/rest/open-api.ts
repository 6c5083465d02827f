import { z } from 'zod';
import * as bodies from './bodies.ts';
import type { Operation } from './operation.ts';
import { BASE, operations } from './operations.ts';

/** The schemas that have names of their own in the document. */
const NAMED: Readonly<Record<string, z.ZodType>> = {
  Cluster: bodies.shownCluster,
  Shard: bodies.shownShard,
  Node: bodies.shownNode,
  NodeStatus: bodies.nodeStatus,
  NewNamespace: bodies.newNamespace,
  NewCluster: bodies.newCluster,
  ImportedCluster: bodies.importedCluster,
  NewShard: bodies.newShard,
  NewNode: bodies.newNode,
  Migration: bodies.migration,
  Failover: bodies.failover,
};

const PARAMETERS: Readonly<Record<string, object>> = {
  namespace: { schema: { type: 'string' }, description: 'The namespace.' },
  cluster: { schema: { type: 'string' }, description: 'The cluster.' },
  shard: { schema: { type: 'integer', minimum: 0 }, description: 'The number of the shard, from 0.' },
  node: { schema: { type: 'string' }, description: 'The id of the node.' },
};

const DONE = { 200: 'It is done.', 201: 'It is made.', 204: 'It is done.' } as const;

/** By status. What is refused, and why: `error.message` says more. */
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The request is not right.',
  401: 'The token is missing.',
  403: 'It may not be done.',
  404: 'There is no such thing.',
  409: 'Something is in the way.',
  413: 'The content is too large.',
  502: 'A node refuses, or does not answer.',
  503: 'The registry cannot be reached, or too much is asked for at once.',
  504: 'No controller has carried it out in time.',
};

let made: object | undefined;

/** The OpenAPI document of the API, made of the schemas that requests are checked by. It is made once. */
export function openApiDocument(): object {
  made ??= document();
  return made;
}

function uri(id: string): string {
  return `#/components/schemas/${id}`;
}

function document(): object {
  const names = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(NAMED)) names.add(schema, { id });
  for (const { id, data } of operations)
    if (data !== null && !names.has(data)) names.add(data, { id: `${id[0]?.toUpperCase()}${id.slice(1)}Data` });
  const { schemas } = z.toJSONSchema(names, { uri, io: 'input' });
  const schemaOf = (schema: z.ZodType): object => ({ $ref: uri(names.get(schema)?.id ?? '') });
  const paths: Record<string, Record<string, object>> = {};
  for (const each of operations) {
    const at = `${BASE}${each.path}`;
    paths[at] = { ...paths[at], [each.method.toLowerCase()]: shownOperation(each, schemaOf) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'keyway controller',
      version: '1',
      description: 'The paths and bodies of kvrocks-controller 1.2, for clusters that keyway controller leads.',
    },
    security: [{ bearer: [] }, { basic: [] }, {}],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic', description: 'Any name, with the token as the password.' },
      },
      schemas: {
        ...Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, plain(schema)])),
        Error: {
          type: 'object',
          properties: {
            error: { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] },
          },
          required: ['error'],
        },
      },
    },
  };
}

function shownOperation(each: Operation, schemaOf: (schema: z.ZodType) => object): object {
  const names = [...each.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const refusals = [401, ...each.refusals, ...(each.body === null ? [] : [413]), 503];
  return {
    operationId: each.id,
    summary: each.summary,
    ...(names.length === 0
      ? {}
      : { parameters: names.map((name) => ({ name, in: 'path', required: true, ...PARAMETERS[name] })) }),
    ...(each.body === null ? {} : { requestBody: { content: jsonOf(schemaOf(each.body)) } }),
    responses: {
      [each.status]: {
        description: DONE[each.status],
        ...(each.status === 204 ? {} : { content: jsonOf(dataOf(each, schemaOf)) }),
      },
      ...Object.fromEntries(
        [...new Set(refusals)].map((status) => [
          status,
          { description: REFUSALS[status], content: jsonOf({ $ref: uri('Error') }) },
        ]),
      ),
    },
  };
}

function dataOf({ data }: Operation, schemaOf: (schema: z.ZodType) => object): object {
  const properties = { data: data === null ? { type: 'null' } : schemaOf(data) };
  return { type: 'object', properties, required: ['data'] };
}

function jsonOf(schema: object): object {
  return { 'application/json': { schema } };
}

/** What stands in a document of its own has no place inside another one. */
function plain(schema: object): object {
  const { $schema: _schema, $id: _id, ...rest } = schema as { $schema?: string; $id?: string };
  return rest;
}
