import { Housekeeper, type HousekeeperOptions, type Task, taskSettings } from '../../housekeeping/index.ts';
import { namedFile, secretIn } from '../../runtime/named-file.ts';
import type { HousekeepingBackend } from './backend.ts';
import { GrpcBackend } from './grpc-backend.ts';
import type { NodeHousekeepingSettings } from './settings.ts';

export { HousekeepingClient } from './grpc-backend.ts';
export { type NodeHousekeepingSettings, nodeHousekeepingSchema } from './settings.ts';

/** Has a backend's housekeeping called when it is its turn, until `signal` is aborted. @throws NamedFileFault */
export async function callHousekeeping(
  { backend: where, tasks, lease, projectsBy, projectsEvery }: NodeHousekeepingSettings,
  surroundings: Omit<HousekeeperOptions, 'lease' | 'projectsBy' | 'projectsEveryMs' | 'tasks' | 'projects'>,
  signal: AbortSignal,
): Promise<void> {
  const backend = await backendOf(where);
  const housekeeper = new Housekeeper({
    ...surroundings,
    lease,
    projectsBy,
    projectsEveryMs: projectsEvery,
    projects: (until) => backend.projects(until),
    tasks: Object.entries(tasks).map(
      ([name, { unit, ...settings }]): Task => ({
        name,
        unit,
        settings: taskSettings(settings),
        run: (run) => backend.run(name, run),
      }),
    ),
  });
  try {
    await housekeeper.run(signal);
  } finally {
    backend.close();
  }
}

async function backendOf({ grpc, http }: NodeHousekeepingSettings['backend']): Promise<HousekeepingBackend> {
  if (grpc !== undefined)
    return new GrpcBackend(grpc.address, grpc.caFile === undefined ? null : namedFile(grpc.caFile));
  const { url, tokenFile } = http as NonNullable<typeof http>;
  // Its library is many files, which few need.
  const { HttpBackend } = await import('./http-backend.ts');
  return new HttpBackend(url, tokenFile === undefined ? null : secretIn(tokenFile));
}
