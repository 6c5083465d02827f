import { createFileRegistry, type DescService, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
// By its file: a browser has nothing of what the folder imports besides.
import { completeNames } from '../../src/load/calls/descriptor-names.ts';

/** The service in a file descriptor set of `yorkie.proto`; in a browser, too. */
export function yorkieServiceOf(descriptorSet: Uint8Array): DescService {
  const set = fromBinary(FileDescriptorSetSchema, descriptorSet);
  completeNames(set.file);
  const service = createFileRegistry(set).getService('yorkie.v1.YorkieService');
  if (service === undefined) throw new Error('yorkie.proto has no YorkieService');
  return service;
}
