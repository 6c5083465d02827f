import { z } from 'zod';
import type { ControllerClient } from './controller-client.ts';
import { ShellFault } from './shell-fault.ts';
import { type Place, placeText, type Word } from './word.ts';

const namespaces = z.object({ namespaces: z.array(z.string()).nullable() });
const clusters = z.object({ clusters: z.array(z.string()).nullable() });

/** The names that a place has in it: namespaces, or clusters. */
export async function namesAt(client: ControllerClient, { namespace, cluster }: Place): Promise<readonly string[]> {
  if (cluster !== null) return [];
  if (namespace === null) return (await client.ask(namespaces, 'GET', '/namespaces')).namespaces ?? [];
  const path = `/namespaces/${encodeURIComponent(namespace)}/clusters`;
  return (await client.ask(clusters, 'GET', path)).clusters ?? [];
}

/** Where one is after a path such as shop/cache, .. or /. @throws ShellFault where that is not there */
async function entered(client: ControllerClient, from: Place, path: string): Promise<Place> {
  let place: Place = path.startsWith('/') ? { namespace: null, cluster: null } : from;
  for (const step of path.split('/').filter((each) => each !== '' && each !== '.')) {
    if (step === '..') {
      place = { namespace: place.cluster === null ? null : place.namespace, cluster: null };
      continue;
    }
    if (place.cluster !== null) throw new ShellFault(`${placeText(place)} is a cluster: nothing is in it`);
    if (!(await namesAt(client, place)).includes(step))
      throw new ShellFault(`there is no ${step} in ${placeText(place)}`);
    place = place.namespace === null ? { namespace: step, cluster: null } : { ...place, cluster: step };
  }
  return place;
}

export const placeWords: readonly Word[] = [
  {
    name: 'ls',
    usage: '',
    summary: 'lists the namespaces, or the clusters of the namespace that was entered',
    flags: { values: [], switches: [], plain: 0 },
    run: async ({ client, place }) => {
      if (place.cluster !== null) return `${placeText(place)} is a cluster: showcluster shows it\n`;
      const names = await namesAt(client, place);
      return names.length === 0 ? 'nothing is there\n' : names.map((name) => `${name}\n`).join('');
    },
  },
  {
    name: 'cd',
    usage: '[NAME | .. | /NAMESPACE/CLUSTER]',
    summary: 'enters a namespace or a cluster, or leaves it',
    flags: { values: [], switches: [], plain: 1 },
    run: async (context, { plain: [path = '/'] }) => {
      context.place = await entered(context.client, context.place, path);
      return '';
    },
  },
  {
    name: 'pwd',
    usage: '',
    summary: 'shows which namespace and cluster were entered',
    flags: { values: [], switches: [], plain: 0 },
    run: async ({ place }) => `${placeText(place)}\n`,
  },
  {
    name: 'mkns',
    usage: 'NAMESPACE',
    summary: 'makes a namespace, at once',
    flags: { values: [], switches: [], plain: 1 },
    run: async ({ client }, { plain: [namespace] }) => {
      if (namespace === undefined) throw new ShellFault('mkns needs a name');
      await client.ask(z.unknown(), 'POST', '/namespaces', { namespace });
      return `the namespace ${namespace} is made\n`;
    },
  },
];
