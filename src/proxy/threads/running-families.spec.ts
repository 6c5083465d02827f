import { expect, it } from 'vitest';
import type { StatusKind } from '../core/counters.ts';
import type { Family, FamilyHost, RunningFamily } from '../core/family.ts';
import type { FrontDoor } from '../core/front-door.ts';
import { LoadedFamilies } from './running-families.ts';

const host = {} as FamilyHost;

function door(alpn: string | null): FrontDoor {
  return {
    alpn,
    claims: () => 'no',
    accept: () => {
      throw new Error('nobody comes in');
    },
  };
}

function statuses(metric: string): StatusKind {
  return { metric, help: 'Answers.', label: 'status', names: ['ok'], always: [] };
}

/** A family that does nothing. */
function family(name: string, brings: Partial<RunningFamily> = {}, kinds: readonly StatusKind[] = []): Family {
  return {
    name,
    counted: { refusals: [], floods: [], statuses: kinds },
    load: async () => () => ({
      doors: [],
      pools: {},
      prepare: () => ({ apply: () => {}, discard: () => {} }),
      onOwners: () => {},
      stop: async () => {},
      ...brings,
    }),
  };
}

async function started(...families: readonly Family[]): Promise<readonly string[]> {
  const loaded = await LoadedFamilies.load(families, {}, () => 0.5);
  return Object.keys(loaded.start(host).pools);
}

const pool = (): never => {
  throw new Error('nothing is sent');
};

it('puts together what families bring, and refuses two of one name', async () => {
  expect(
    await started(family('http', { pools: { http1: pool, http2: pool } }), family('echo', { pools: { echo: pool } })),
  ).toEqual(['http1', 'http2', 'echo']);
  await expect(started(family('http'), family('http'))).rejects.toThrow(
    'the families http and http both have the name http',
  );
});

it('refuses two families that bring a pool for one protocol', async () => {
  await expect(
    started(family('http', { pools: { auto: pool } }), family('redis', { pools: { auto: pool } })),
  ).rejects.toThrow('the families http and redis both bring a pool for the protocol auto');
});

it('refuses two families whose clients ALPN could not tell apart', async () => {
  const http = family('http', { doors: [door('h2'), door('http/1.1')] });
  await expect(started(http, family('echo', { doors: [door(null)] }))).resolves.toEqual([]);
  await expect(started(http, family('grpc', { doors: [door('h2')] }))).rejects.toThrow(
    'the families http and grpc both have a door for the ALPN protocol h2',
  );
});

it('refuses two families that count their statuses in one metric', async () => {
  await expect(
    started(family('http', {}, [statuses('responses')]), family('redis', {}, [statuses('responses')])),
  ).rejects.toThrow('the families http and redis both count statuses in the metric responses');
});
