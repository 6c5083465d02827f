import { noticesGoTo } from '../runtime/notices.ts';
import { EXIT_OK } from '../runtime/usage-error.ts';
import { endOnClosedOutput, writeFault } from './output/terminal.ts';
import { run } from './run.ts';

/** The `keyway` command. Only this folder reads arguments, the environment and the real clock. */
endOnClosedOutput();
noticesGoTo(writeFault);
const code = await run(process.argv);
// What a command had begun before it failed does not keep it running.
if (code !== EXIT_OK) process.exit(code);
