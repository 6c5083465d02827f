import type { DescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt';

/**
 * Completes files as protoc would have written them: protobufjs, and servers whose reflection is made from it, leave out
 * fields' names in JSON and name types as seen from where they are used.
 */
export function completeNames(files: readonly FileDescriptorProto[]): void {
  const known = new Set(files.flatMap((file) => typesOf(file.package, file.messageType, file.enumType)));
  for (const file of files) {
    for (const message of file.messageType) completeMessage(message, joined(file.package, message.name), known);
    for (const method of file.service.flatMap((service) => service.method)) {
      method.inputType = qualified(method.inputType, file.package, known);
      method.outputType = qualified(method.outputType, file.package, known);
    }
    for (const extension of file.extension) {
      extension.extendee = qualified(extension.extendee, file.package, known);
      extension.typeName = qualified(extension.typeName, file.package, known);
    }
  }
}

function completeMessage(message: DescriptorProto, name: string, known: ReadonlySet<string>): void {
  for (const field of [...message.field, ...message.extension]) {
    if (field.jsonName === '')
      field.jsonName = field.name.replaceAll(/_([a-z0-9])/g, (_, next: string) => next.toUpperCase());
    field.typeName = qualified(field.typeName, name, known);
    field.extendee = qualified(field.extendee, name, known);
  }
  for (const nested of message.nestedType) completeMessage(nested, joined(name, nested.name), known);
}

/** The innermost scope in which a name means something (protobuf's rule, which is that of C++). */
function qualified(name: string, scope: string, known: ReadonlySet<string>): string {
  if (name === '' || name.startsWith('.')) return name;
  for (let inside = scope; ; inside = inside.slice(0, Math.max(0, inside.lastIndexOf('.')))) {
    const full = joined(inside, name);
    if (known.has(full)) return `.${full}`;
    if (inside === '') return `.${name}`;
  }
}

function typesOf(
  scope: string,
  messages: readonly DescriptorProto[],
  enums: ReadonlyArray<{ readonly name: string }>,
): string[] {
  return [
    ...enums.map(({ name }) => joined(scope, name)),
    ...messages.flatMap(({ name, nestedType, enumType }) => {
      const full = joined(scope, name);
      return [full, ...typesOf(full, nestedType, enumType)];
    }),
  ];
}

function joined(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`;
}
