import { z } from 'zod';
import { DEFAULT_NAMESPACE } from '../registry/index.ts';
import { newNamespace } from './bodies.ts';
import { type Operation, operation } from './operation.ts';
import { Refused } from './refusal.ts';

const PATH = '/namespaces';
const ONE = `${PATH}/{namespace}`;

export const namespaceOperations: readonly Operation[] = [
  {
    id: 'listNamespaces',
    method: 'GET',
    path: PATH,
    summary: 'Lists the namespaces',
    body: null,
    status: 200,
    data: z.object({ namespaces: z.array(z.string()) }),
    refusals: [],
    run: async ({ registry }) => ({ namespaces: await registry.namespaces.list() }),
  },
  operation({
    id: 'createNamespace',
    method: 'POST',
    path: PATH,
    summary: 'Makes a namespace',
    body: newNamespace,
    status: 201,
    data: newNamespace,
    refusals: [409],
    run: async ({ registry }, _names, { namespace }) => {
      if ((await registry.namespaces.list()).includes(namespace)) throw new Refused(409, 'already exists');
      await registry.namespaces.create(namespace);
      return { namespace };
    },
  }),
  {
    id: 'getNamespace',
    method: 'GET',
    path: ONE,
    summary: 'Says whether there is a namespace',
    body: null,
    status: 200,
    data: null,
    refusals: [404],
    run: async ({ registry }, { namespace }) => {
      if (!(await registry.namespaces.list()).includes(namespace)) throw new Refused(404, 'not found');
      return null;
    },
  },
  {
    id: 'deleteNamespace',
    method: 'DELETE',
    path: ONE,
    summary: 'Deletes a namespace that has no clusters',
    body: null,
    status: 204,
    data: null,
    refusals: [403, 404],
    run: async ({ registry }, { namespace }) => {
      if (namespace === DEFAULT_NAMESPACE) throw new Refused(403, `the namespace ${namespace} is always there`);
      if (!(await registry.namespaces.list()).includes(namespace)) throw new Refused(404, 'not found');
      if ((await registry.topologies.list(namespace)).length > 0)
        throw new Refused(403, 'forbidden: please delete clusters first');
      await registry.namespaces.delete(namespace);
      return null;
    },
  },
];
