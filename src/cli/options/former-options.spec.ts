import { expect, it } from 'vitest';
import { withoutFormerOptions } from './former-options.ts';

it('reads old options in milliseconds as new ones, but not the arguments of another program', () => {
  const notices: string[] = [];
  const read = (...argv: string[]): string[] => withoutFormerOptions(argv, (line) => notices.push(line));
  expect(read('node', 'register', '--lease-ms', '500', '--check-ms=20', '--', 'x', '--lease-ms', '1')).toEqual([
    ...['node', 'register', '--lease', '500ms', '--check', '20ms'],
    ...['--', 'x', '--lease-ms', '1'],
  ]);
  expect(notices).toEqual(['--lease-ms 500 is read as --lease 500ms', '--check-ms 20 is read as --check 20ms']);
  expect(read('kv', 'put', '--ttl-ms', 'soon')).toEqual(['kv', 'put', '--ttl-ms', 'soon']);
});
