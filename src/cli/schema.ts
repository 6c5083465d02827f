import { Command } from 'commander';
import { configJsonSchema } from '../config/index.ts';

export function schemaCommand(): Command {
  return new Command('schema')
    .description('print the JSON schema of the config, for editors')
    .addHelpText('after', '\nExample:\n  keyway schema > keyway.schema.json')
    .action(() => {
      process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    });
}
