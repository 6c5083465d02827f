import { afterEach, expect, it, vi } from 'vitest';
import { withInterruptNote } from './signals.ts';

afterEach(() => vi.restoreAllMocks());

it('says what continues without a command that is interrupted while it waits, and nothing once that has ended', async () => {
  const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const written = (): string => write.mock.calls.map(([part]) => String(part)).join('');
  const before = process.listenerCount('SIGINT');
  let notice: string | null = null;
  const { promise, resolve } = Promise.withResolvers<string>();
  const waiting = withInterruptNote(
    () => notice,
    () => promise,
  );
  process.emit('SIGINT', 'SIGINT');
  expect([written(), exit.mock.calls]).toEqual(['', [[130]]]);
  notice = 'it goes on';
  process.emit('SIGTERM', 'SIGTERM');
  expect(written()).toMatch(/keyway:.* it goes on\n$/);
  expect(exit).toHaveBeenLastCalledWith(143);
  resolve('done');
  expect(await waiting).toBe('done');
  expect(process.listenerCount('SIGINT')).toBe(before);
});
