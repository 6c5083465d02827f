import { z } from 'zod';
import { oneStore, storeFields } from '../../registry/index.ts';
import { duration, file } from './values.ts';

/** A registry, as a router has it. */
export const registry = z
  .strictObject({
    ...storeFields,
    keepIn: file
      .default('.keyway/topologies')
      .describe(
        'A folder for the last topologies, used at startup if the registry cannot be reached. By default it is in the folder where the router is started.',
      ),
    lease: duration({ least: 1, most: 3_600_000 })
      .prefault('10s')
      .describe('A router that has not renewed its lease for this long counts as dead.'),
  })
  .superRefine(oneStore)
  .describe('Where topologies come from: exactly one of sqlite, remote and etcd.');
