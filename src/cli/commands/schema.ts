import { Command } from 'commander';
import { configJsonSchema } from '../../config/index.ts';
import { writeOut } from '../output/terminal.ts';

export function schemaCommand(): Command {
  return new Command('schema')
    .description('print the JSON schema of the config, for editors')
    .addHelpText('after', '\nExample:\n  keyway schema > keyway.schema.json')
    .action(() => {
      writeOut(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    });
}
