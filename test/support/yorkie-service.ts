import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import 'protobufjs/ext/descriptor/index.js';
import { yorkieServiceOf } from './yorkie-descriptor.ts';

interface WithDescriptor {
  toDescriptor(syntax: string): { readonly $type: protobuf.Type };
}

/** The file descriptor set of `yorkie.proto`, as protoc would have made it. */
export function yorkieDescriptorSet(): Uint8Array {
  const { root } = protobuf.parse(readFileSync(new URL('./yorkie.proto', import.meta.url), 'utf8'), { keepCase: true });
  root.resolveAll();
  const set = (root as unknown as WithDescriptor).toDescriptor('proto3');
  return set.$type.encode(set as unknown as protobuf.Message).finish();
}

export const yorkieService = yorkieServiceOf(yorkieDescriptorSet());
