import { createFileRegistry, type DescService, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** The service in a file descriptor set of `yorkie.proto`; in a browser, too. */
export function yorkieServiceOf(descriptorSet: Uint8Array): DescService {
  const set = fromBinary(FileDescriptorSetSchema, descriptorSet);
  // protoc gives each field its name in JSON, protobufjs does not.
  for (const field of set.file.flatMap(({ messageType }) => messageType.flatMap((message) => message.field)))
    field.jsonName = field.name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const service = createFileRegistry(set).getService('yorkie.v1.YorkieService');
  if (service === undefined) throw new Error('yorkie.proto has no YorkieService');
  return service;
}
