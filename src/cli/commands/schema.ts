import { Command } from 'commander';
import { configJsonSchema } from '../../config/index.ts';
import { writeOut } from '../output/terminal.ts';

export function schemaCommand(): Command {
  return new Command('schema')
    .description('print the JSON schema of the config, for editors')
    .option('--api', 'print the OpenAPI document of the REST interface of keyway controller instead')
    .addHelpText('after', '\nExample:\n  keyway schema > keyway.schema.json\n  keyway schema --api > openapi.json')
    .action(async ({ api }: { readonly api?: true }) => {
      const document = api === true ? (await import('../../rest/index.ts')).openApiDocument() : configJsonSchema();
      writeOut(`${JSON.stringify(document, null, 2)}\n`);
    });
}
