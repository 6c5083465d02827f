import { expect } from 'vitest';
import { stringify } from 'yaml';
import { freePorts, type Running, type Scope } from '../support/processes.ts';
import { PATIENCE, served } from '../support/registries.ts';

export interface ShownShard {
  readonly id: string;
  readonly nodes: ReadonlyArray<{ readonly id: string; readonly addr: string; readonly role: string }>;
  readonly slot_ranges: readonly string[];
  readonly migrating_slot: string | null;
}

/** A controller that leads no cluster but those that are made by its REST interface. */
export class ServedApi {
  readonly controller: Running;
  /** Where it is served. */
  readonly address: string;

  private constructor(controller: Running, address: string) {
    this.controller = controller;
    this.address = address;
  }

  static async start(scope: Scope, more: object = {}): Promise<ServedApi> {
    const { config } = await served(scope);
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    const clusters = { probe: { interval: '100ms', timeout: '400ms', failures: 4 } };
    const settings = { registry: config, lease: '2s', api: { listen: address, clusters }, ...more };
    const controller = scope.keyway(['controller', '--config', scope.file('controller.yaml', stringify(settings))]);
    await controller.printed(/the REST interface is served/);
    return new ServedApi(controller, address);
  }

  /** What `data` is. @throws Error where it is refused */
  async ask(method: string, path: string, body?: object): Promise<unknown> {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`http://${this.address}/api/v1/namespaces${path}`, { method, ...content });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? null : (JSON.parse(text) as { readonly data: unknown }).data;
  }

  async shards(path: string): Promise<readonly ShownShard[]> {
    return ((await this.ask('GET', path)) as { cluster: { shards: readonly ShownShard[] } }).cluster.shards;
  }

  /** Resolves once the cluster is as wanted. */
  async becomes(path: string, holds: (shards: readonly ShownShard[]) => boolean): Promise<readonly ShownShard[]> {
    await expect.poll(async () => holds(await this.shards(path)), PATIENCE).toBe(true);
    return this.shards(path);
  }
}
