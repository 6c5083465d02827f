import { expect, it } from 'vitest';
import { formatDuration, formatSize, parseDuration, parseSize } from './quantity.ts';

it.each([
  ['5s', 5000],
  ['500ms', 500],
  ['2m', 120_000],
  ['1.1s', 1100],
  ['1h30m', 5_400_000],
  ['7d', 604_800_000],
  ['0s', 0],
])('reads the duration %s', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

it.each([
  '',
  '5',
  '0',
  's',
  '-5s',
  '5 s',
  '5sec',
  '5S',
  '1e3s',
  '5us',
  'x5s',
  '.5s',
  '5s,',
])('takes "%s" for no duration', (text) => {
  expect(parseDuration(text)).toBeNaN();
});

it.each([
  ['1MiB', 1_048_576],
  ['64kB', 64_000],
  ['1.5GiB', 1_610_612_736],
  ['100B', 100],
])('reads the size %s', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

it.each(['', '5', '5M', '5Mi', '5mib', '1MiB1KiB', '-1B'])('takes "%s" for no size', (text) => {
  expect(parseSize(text)).toBeNaN();
});

it('writes what it reads, in the largest unit without a fraction', () => {
  const durations = [0, 1, 999, 1000, 1500, 60_000, 90_000, 3_600_000, 86_400_000];
  expect(durations.map(formatDuration)).toEqual(['0s', '1ms', '999ms', '1s', '1500ms', '1m', '90s', '1h', '24h']);
  expect(durations.map((ms) => parseDuration(formatDuration(ms)))).toEqual(durations);
  const sizes = [0, 1, 1000, 1024, 65_535, 65_536, 1_000_000, 1_048_576, 2 ** 40];
  expect(sizes.map(formatSize)).toEqual(['0B', '1B', '1kB', '1KiB', '65535B', '64KiB', '1MB', '1MiB', '1TiB']);
  expect(sizes.map((bytes) => parseSize(formatSize(bytes)))).toEqual(sizes);
});
