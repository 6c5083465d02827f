/** A `KvrocksNode` as a process of its own: `node main.ts PORT FOLDER [PASSWORD]`. */
import { KvrocksNode } from './kvrocks-node.ts';

const [port = '', folder = '', password = ''] = process.argv.slice(2);
const node = new KvrocksNode({ host: '127.0.0.1', port: Number(port), folder, password, clock: Date.now });
await node.listen();
console.log(`ready on ${port}`);
