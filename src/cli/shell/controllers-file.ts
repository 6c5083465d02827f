import { z } from 'zod';
import { parseYaml } from '../../yaml/index.ts';
import { ShellFault } from './shell-fault.ts';

const schema = z.strictObject({
  controllers: z.array(z.string().min(1)).min(1).describe('Addresses, such as 127.0.0.1:9379, or https://host:9379.'),
});

/** What `~/.kc_cli_config` has: the controllers to ask. @throws DocumentError */
export function controllersIn(text: string, file: string): readonly string[] {
  return parseYaml(text, file, schema, ({ controllers }) => controllers);
}

/**
 * Where controllers are asked.
 * @param hasToken it would be sent to them
 * @throws ShellFault where one is no address, or others would see the token
 */
export function originsOf(
  controllers: readonly string[],
  hasToken: boolean,
  isOnLoopback: (host: string) => boolean,
): string[] {
  return controllers.map((text) => {
    const full = /^https?:\/\//.test(text) ? text : `http://${text}`;
    const url = URL.canParse(full) ? new URL(full) : null;
    if (url === null || url.pathname !== '/' || url.search !== '' || url.username !== '')
      throw new ShellFault(`"${text}" is not the address of a controller; write 127.0.0.1:9379, or https://host:9379`);
    if (hasToken && url.protocol === 'http:' && !isOnLoopback(url.hostname))
      throw new ShellFault(
        `the token would be visible on the network on its way to ${url.host}: write https://${url.host}`,
      );
    return url.origin;
  });
}
