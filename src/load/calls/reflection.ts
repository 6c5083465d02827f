import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { CallError } from './call-error.ts';

interface ReflectionRequest {
  readonly fileContainingSymbol?: string;
  readonly fileByFilename?: string;
}

interface ReflectionAnswer {
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string };
}

type Reflection = MethodDefinition<ReflectionRequest, ReflectionAnswer>;

/** The newer first; servers of some years ago know the older alone. */
const VERSIONS = ['v1', 'v1alpha'] as const;
/** One that does not answer does not serve it. */
const TIMEOUT_MS = 5000;

/**
 * Asks a server for the files that describe a service (gRPC's server reflection).
 * @param metadata what leads the call to a backend, behind a router
 * @throws CallError where the target does not describe them
 */
export async function reflectedFiles(
  address: string,
  service: string,
  { credentials, options }: { readonly credentials: ChannelCredentials; readonly options: ChannelOptions },
  metadata: Metadata,
): Promise<Uint8Array[]> {
  const client = new Client(address, credentials, options);
  try {
    for (const version of VERSIONS) {
      const files = await filesBy(version, client, service, metadata);
      if (files !== null) return files;
    }
    throw new CallError(
      `${address} does not serve reflection; give the .proto file of ${service}, or a descriptor set`,
    );
  } finally {
    client.close();
  }
}

/** Null where the server does not know that version. */
async function filesBy(
  version: (typeof VERSIONS)[number],
  client: Client,
  service: string,
  metadata: Metadata,
): Promise<Uint8Array[] | null> {
  const { path, requestSerialize, responseDeserialize } = methodOf(version);
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  const timer = setTimeout(() => call.cancel(), TIMEOUT_MS);
  const files = new Map<string, Uint8Array>();
  try {
    const wanted: ReflectionRequest[] = [{ fileContainingSymbol: service }];
    for (let request = wanted.pop(); request !== undefined; request = wanted.pop()) {
      if (request.fileByFilename !== undefined && files.has(request.fileByFilename)) continue;
      for (const bytes of await asked(call, request, service)) {
        const { name, dependency } = fromBinary(FileDescriptorProtoSchema, bytes);
        files.set(name, bytes);
        // Some servers answer with all that a file needs, some with the file alone.
        for (const each of dependency) wanted.push({ fileByFilename: each });
      }
    }
    return [...files.values()];
  } catch (error) {
    if ((error as ServiceError).code === status.UNIMPLEMENTED) return null;
    if (error instanceof CallError) throw error;
    const why =
      (error as ServiceError).code === status.CANCELLED ? `no answer in ${TIMEOUT_MS} ms` : (error as Error).message;
    throw new CallError(`reflection of ${service}: ${why}`, { cause: error });
  } finally {
    clearTimeout(timer);
    call.on('error', () => {});
    call.cancel();
  }
}

async function asked(
  call: ClientDuplexStream<ReflectionRequest, ReflectionAnswer>,
  request: ReflectionRequest,
  service: string,
): Promise<readonly Buffer[]> {
  const answer = await new Promise<ReflectionAnswer>((resolve, reject) => {
    call.removeAllListeners('data').removeAllListeners('error').removeAllListeners('end');
    call.once('data', resolve);
    call.once('error', reject);
    call.once('end', () => reject(new CallError('the server ended its reflection')));
    call.write(request);
  });
  const { errorResponse, fileDescriptorResponse } = answer;
  if (errorResponse !== undefined)
    throw new CallError(
      `the server's reflection does not know ${request.fileByFilename ?? service}: ${errorResponse.errorMessage}`,
    );
  return fileDescriptorResponse?.fileDescriptorProto ?? [];
}

function methodOf(version: string): Reflection {
  const file = fileURLToPath(
    import.meta.resolve(`@grpc/reflection/build/proto/grpc/reflection/${version}/reflection.proto`),
  );
  const service = loadSync(file, { oneofs: false })[`grpc.reflection.${version}.ServerReflection`];
  return (service as unknown as Record<string, Reflection>).ServerReflectionInfo as Reflection;
}
