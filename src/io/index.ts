/** Bytes between sockets and memory: turns of the event loop, output, shared reads, listening, TLS, dialling. Knows no protocol above TLS. */
export { Backlog } from './backlog.ts';
export { ByteQueue } from './byte-queue.ts';
export { ConnectionPlaces, type ProcessConnections, processConnections } from './connection-places.ts';
export { endSocket } from './end-socket.ts';
export { checkFree, inTurn } from './free-address.ts';
export type { Accepted, FamilyEntry, ListenerDescription, ListenerOwner } from './listener.ts';
export {
  Listeners,
  type ListeningSockets,
  type NamedListener,
  namedListeners,
  type PreparedListeners,
} from './listeners.ts';
export {
  dial,
  negotiated,
  openRawSocket,
  openSocket,
  type SocketTarget,
  serverNameOf,
  undiciConnector,
} from './open-socket.ts';
export { BufferPool, copyInto, Output, type OutputListener } from './output.ts';
export { ReadPause } from './read-pause.ts';
export { type ByteReceiver, sharedRead } from './shared-read.ts';
export {
  type CertificateFiles,
  ClientCertificates,
  type ClientTlsDescription,
  readIdentity,
  ServerCertificates,
  TlsFileError,
  tlsFault,
} from './tls-files.ts';
export { type ClockWatcher, Turn } from './turn.ts';
