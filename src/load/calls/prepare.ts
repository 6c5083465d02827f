import { CallError } from './call-error.ts';
import { ConnectCall } from './connect-call.ts';
import { Methods, type SchemaSource } from './descriptors.ts';
import { GrpcCall } from './grpc-call.ts';
import { HttpCall } from './http-call.ts';
import type { CallSurroundings, PreparedCall } from './prepared-call.ts';
import type { CallSettings } from './settings.ts';

/**
 * Makes calls ready to be sent.
 * @param schema where gRPC's methods are described; null: the target describes them, by `reflect`
 * @throws CallError TemplateError
 */
export async function prepareCalls(
  calls: Readonly<Record<string, CallSettings>>,
  surroundings: CallSurroundings,
  schema: Exclude<SchemaSource, { kind: 'reflection' }> | null,
  reflect: (service: string) => Promise<readonly Uint8Array[]>,
): Promise<PreparedCall[]> {
  const known = new Map<string, Methods>();
  const methodsOf = async (service: string): Promise<Methods> => {
    const name = schema === null ? service : '';
    const found = known.get(name) ?? new Methods(schema ?? { kind: 'reflection', files: await reflect(service) });
    known.set(name, found);
    return found;
  };
  const prepared: PreparedCall[] = [];
  for (const [name, settings] of Object.entries(calls)) {
    if (settings.grpc !== undefined) {
      const methods = await methodsOf(settings.grpc.slice(0, settings.grpc.lastIndexOf('/')));
      prepared.push(new GrpcCall(name, settings, surroundings, methods.find(settings.grpc)));
    } else if (settings.connect !== undefined) prepared.push(new ConnectCall(name, settings, surroundings));
    else if (settings.http !== undefined) prepared.push(new HttpCall(name, settings, surroundings));
    else throw new CallError(`${name} has neither grpc nor connect nor http`);
  }
  return prepared;
}
