import { expect, it } from 'vitest';
import { canonicalAddress } from './address.ts';

it.each([
  ['10.1.2.3', '::ffff:10.1.2.3', '::FFFF:a01:203', '10.1.2.3:4711', '[::ffff:10.1.2.3]:80', '0:0:0:0:0:ffff:10.1.2.3'],
  ['2001:db8::1', '2001:DB8:0:0:0:0:0:1', '[2001:db8::1]', '[2001:db8::1]:443', '"[2001:db8:0::1]:443"'],
  ['fe80::1', 'fe80::1%eth0', '[FE80::1%25eth0]:1'],
  ['::1', '[::1]:1'],
  ['unknown', 'Unknown'],
  ['_hidden', '_HIDDEN'],
  [''],
])('spells the address %s in one way', (one, ...others) => {
  for (const other of [one, ...others]) expect(canonicalAddress(other)).toBe(one);
});
