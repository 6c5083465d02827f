/** RESP, the protocol of Redis and its relatives, in both versions: commands of clients, replies of servers. It knows no command, but for that by which one logs in. */
export { Command } from './command.ts';
export { commandOf, readCommand } from './command-of.ts';
export { forEachElement, integerAt, numberOfLine, stringAt } from './elements.ts';
export { errorCodeIs, type Redirect, redirectOf } from './redirect.ts';
export { decodeReply, type Reply, textOf } from './reply.ts';
export { ReplyReader, type ReplySink } from './reply-reader.ts';
export { ReplyScanner } from './reply-scanner.ts';
export { type Protocol, ReplyType } from './reply-type.ts';
export {
  type LargeCommandFate,
  REDIS_LIMITS,
  type RequestLimits,
  RequestReader,
  type RequestSink,
  type RespFault,
} from './request-reader.ts';
export { RespClient, RespClientError, type RespLogin, RespLoginRefused, withoutArguments } from './resp-client.ts';
export {
  arrayReply,
  bulkReply,
  encodeCommand,
  errorReply,
  integerReply,
  mapReply,
  nullArray,
  nullReply,
  OK,
  PONG,
  pushReply,
  QUEUED,
  simpleReply,
  verbatimReply,
} from './write.ts';
