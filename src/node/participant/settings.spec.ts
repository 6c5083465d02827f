import { expect, it } from 'vitest';
import { participantUrl } from './settings.ts';

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
