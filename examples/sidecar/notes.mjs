#!/usr/bin/env node
// Notes over HTTP, in a folder that all shards share: a backend that knows nothing of Keyway.
//
//     PUT    /notes/KEY          write a note
//     GET    /notes/KEY          read it
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [port, folder = 'notes'] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

/** `..` is a key, and no name of a file. */
const fileOf = (key) => join(folder, Buffer.from(key).toString('base64url'));

createServer(async (request, response) => {
  const [, key] = /^\/notes\/([\w.-]+)$/.exec(request.url) ?? [];
  if (key === undefined) {
    response.writeHead(404).end('keys have letters, digits, ".", "_" and "-"\n');
    return;
  }
  const file = fileOf(key);
  if (request.method === 'PUT') {
    writeFileSync(file, Buffer.concat(await Array.fromAsync(request)));
    response.end(`written by the backend on port ${port}\n`);
    return;
  }
  try {
    response.end(readFileSync(file));
  } catch {
    response.writeHead(404).end('there is no such note\n');
  }
}).listen(Number(port), '127.0.0.1');
