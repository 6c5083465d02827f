import { expect, it } from 'vitest';
import { type AskSettings, askedAt, isServedPlace, participantUrl } from './settings.ts';

it.each([
  'http://127.0.0.1:8080',
  'http://localhost:8080/keyway/',
  'http://[::1]:8080',
  'https://10.0.0.1/keyway',
  'grpc://127.0.0.1:8080',
  'grpcs://backend.internal:443',
])('takes %s', (text) => expect(participantUrl(text)).toBeInstanceOf(URL));

it.each([
  ['127.0.0.1:8080', /write a URL/],
  ['ftp://127.0.0.1/', /write a URL/],
  ['http://10.0.0.1:8080', /use https for another machine/],
  ['http://127.evil.example:8080', /use https/],
  ['grpc://10.0.0.1:8080', /use grpcs/],
  ['grpc://127.0.0.1', /grpc:\/\/HOST:PORT/],
  ['grpc://127.0.0.1:8080/x', /grpc:\/\/HOST:PORT/],
  ['http://127.0.0.1:8080/?a=b', /without a query/],
  ['http://user:secret@127.0.0.1:8080/', /without a query/],
])('refuses %s', (text, fault) => expect(participantUrl(text)).toMatch(fault));

const HERE = new URL('http://127.0.0.1:8080');
const ELSEWHERE = new URL('https://10.0.0.9:8080');
const at = (host: string): AskSettings => ({ ask: { host, port: 9300 } });
const FILES = { askCertificate: 'a.pem', askKey: 'a.key' };

it.each<readonly [string, AskSettings, URL, object]>([
  ['on loopback where nothing is said', {}, HERE, { host: '127.0.0.1', port: 0, certificate: null }],
  ['on loopback by TLS', FILES, HERE, { host: '127.0.0.1', certificate: { certificate: 'a.pem', key: 'a.key' } }],
  ['elsewhere by TLS', { ...at('10.0.0.1'), ...FILES }, ELSEWHERE, { host: '10.0.0.1', port: 9300 }],
  ['elsewhere in cleartext if that is said', { ...at('10.0.0.1'), askInsecure: true }, HERE, { certificate: null }],
  ['on loopback if that is said, of a name that may be here', at('127.0.0.1'), ELSEWHERE, { host: '127.0.0.1' }],
])('has a backend ask %s', (_, settings, url, asked) => expect(askedAt(settings, url)).toMatchObject(asked));

it.each<readonly [string, AskSettings, URL, RegExp]>([
  ['in cleartext elsewhere', at('10.0.0.1'), HERE, /--ask: what answers in its place/],
  ['on loopback from elsewhere', {}, ELSEWHERE, /called at 10\.0\.0\.9:8080, and could not ask on 127\.0\.0\.1/],
  ['at no address', { ...at('0.0.0.0'), ...FILES }, HERE, /cannot connect to 0\.0\.0\.0/],
  ['at no IPv6 address', { ...at('::'), ...FILES }, HERE, /cannot connect to ::/],
  ['with half a certificate', { askKey: 'a.key' }, HERE, /go together/],
])('has no backend ask %s', (_, settings, url, fault) => expect(askedAt(settings, url)).toMatch(fault));

it.each([
  ['http://127.0.0.1:9101/keyway', '127.0.0.1:9101', true],
  ['http://localhost:9101', '127.0.0.1:9101', true],
  ['http://[::1]:9101', '[::1]:9101', true],
  ['grpc://127.0.0.1:9101', '127.0.0.1:9101', true],
  ['https://10.0.0.1', '10.0.0.1:443', true],
  // The backend may listen on all addresses.
  ['http://127.0.0.1:9101', '10.0.0.1:9101', true],
  ['https://10.0.0.2:9101', '10.0.0.1:9101', false],
  ['http://127.0.0.1:9111', '127.0.0.1:9101', false],
])('knows whether %s is where routers send requests, %s: %s', (url, address, isServed) =>
  expect(isServedPlace(new URL(url), address)).toBe(isServed));
