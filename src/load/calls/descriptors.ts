import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createFileRegistry, type DescMethod, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { loadSync } from '@grpc/proto-loader';
import { CallError } from './call-error.ts';
import { completeNames } from './descriptor-names.ts';

/** Where methods are described. */
export type SchemaSource =
  | { readonly kind: 'proto'; readonly file: string; readonly include: readonly string[] }
  /** What `protoc --descriptor_set_out --include_imports` writes. */
  | { readonly kind: 'descriptors'; readonly file: string }
  /** The target describes itself. */
  | { readonly kind: 'reflection'; readonly files: readonly Uint8Array[] };

/** The methods that a source describes, found by `package.Service/Method`. */
export class Methods {
  readonly #registries: readonly FileRegistry[];
  readonly #where: string;

  /** @throws CallError where the source cannot be read */
  constructor(source: SchemaSource) {
    this.#where = source.kind === 'reflection' ? 'the target' : source.file;
    const files = filesOf(source);
    const byName = new Map(files.map((file) => [file.name, file]));
    completeNames(files);
    this.#registries = files
      .filter(({ service }) => service.length > 0)
      .map((file) => createFileRegistry(file, (name) => byName.get(name)));
  }

  /** @throws CallError where there is none of that name */
  find(wanted: string): DescMethod {
    const methods = this.#registries.flatMap((registry) =>
      [...registry].flatMap((each) => (each.kind === 'service' ? each.methods : [])),
    );
    const found = methods.find((method) => fullName(method) === wanted);
    if (found !== undefined) return found;
    const names = [...new Set(methods.map(fullName))].join(', ');
    throw new CallError(`${this.#where} has no method ${wanted}; it has ${names === '' ? 'none' : names}`);
  }
}

/** `package.Service/Method`. */
export function fullName({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}

function filesOf(source: SchemaSource): readonly FileDescriptorProto[] {
  if (source.kind === 'reflection') return source.files.map(decodedFile);
  const file = resolve(source.file);
  const bytes = readFileSync(file);
  try {
    if (source.kind === 'descriptors') return fromBinary(FileDescriptorSetSchema, bytes).file;
    const definitions = Object.values(loadSync(file, { keepCase: true, includeDirs: [...source.include] }));
    // Each message carries all the files of the whole.
    for (const definition of definitions)
      if ('fileDescriptorProtos' in definition) return (definition.fileDescriptorProtos as Buffer[]).map(decodedFile);
    return [];
  } catch (cause) {
    throw new CallError(`${source.file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

const decodedFile = (bytes: Uint8Array): FileDescriptorProto => fromBinary(FileDescriptorProtoSchema, bytes);
