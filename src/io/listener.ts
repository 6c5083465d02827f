import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { canonicalAddress, type HostPort } from '../runtime/address.ts';
import type { ConnectionPlaces } from './connection-places.ts';
import { negotiated } from './open-socket.ts';
import { takeProxyHeader } from './proxy-protocol.ts';
import { type ByteReceiver, KEEP_ALIVE, readShared } from './shared-read.ts';
import { ServerCertificates, type ServerTlsDescription } from './tls-files.ts';

const LISTEN_BACKLOG = 1024;

/** An address that is one protocol family's alone. Plain data. */
export interface FamilyEntry {
  /** The family's name. */
  readonly family: string;
  /** By which the family knows what its clients find there. */
  readonly entry: string;
}

/** An address that clients connect to. Plain data. */
export interface ListenerDescription extends HostPort {
  /** Whose clients come in here; without it the first bytes of a connection, or ALPN, show what it speaks. */
  readonly only?: FamilyEntry | undefined;
  readonly tls?: ServerTlsDescription | undefined;
  /** Every connection begins with a PROXY protocol header (version 2), which names the client. */
  readonly proxyProtocol?: boolean | undefined;
}

/** A client's connection as it was accepted. */
export interface Accepted {
  readonly socket: Socket;
  /** The client's address in its one spelling, without its port. */
  readonly clientAddress: string;
  readonly secure: boolean;
  /** Set where the address is one family's alone. */
  readonly only: FamilyEntry | null;
  /** What ALPN has settled on; null where the first bytes have to show it. */
  readonly alpn: string | null;
}

export interface ListenerOwner {
  /** What ALPN offers to clients, the most wanted first. */
  readonly alpn: readonly string[];
  /** Where each connection takes a place before anything is read from it. */
  readonly places: ConnectionPlaces;
  /** A connection that was closed at once, for want of a place. */
  onNoPlace(): void;
  /** @returns what takes the connection's bytes */
  onAccepted(accepted: Accepted): ByteReceiver;
  /** A connection that came to nothing: a TLS handshake or a PROXY header that failed. */
  onHandshakeFailed(): void;
}

/** How an address' connections are begun. */
export interface Door {
  open(socket: Socket): void;
  /** Null where they are in cleartext. */
  readonly secure: { readonly server: TlsServer; readonly certificates: ServerCertificates } | null;
}

/** Listens on one address: takes PROXY headers and TLS off, and hands on what is inside. */
export class Listener {
  readonly #owner: ListenerOwner;
  readonly #servers: Server[] = [];
  #description: ListenerDescription;
  /** What is done with each connection. */
  #door: Door;
  /** Clients' addresses from PROXY headers, by the address at the other end of the open connection. */
  readonly #reported = new Map<string, string>();

  /** @throws TlsFileError */
  constructor(description: ListenerDescription, owner: ListenerOwner, handshakeTimeoutMs: number) {
    this.#owner = owner;
    this.#description = description;
    this.#door = this.doorOf(description, handshakeTimeoutMs);
  }

  /** What would be done with connections by another description of the address. @throws TlsFileError */
  doorOf({ tls, proxyProtocol = false, only }: ListenerDescription, timeoutMs: number): Door {
    if (tls === undefined) return this.#plainDoor(proxyProtocol, timeoutMs);
    // Where there is one family there is nothing to negotiate.
    return this.#secureDoor(tls, proxyProtocol, only === undefined ? this.#owner.alpn : [], timeoutMs);
  }

  /** Connections that are accepted from now on are taken by another description of the same address. */
  reconfigure(description: ListenerDescription, door: Door): void {
    this.#description = description;
    this.#door = door;
  }

  #plainDoor(hasHeader: boolean, timeoutMs: number): Door {
    const open = (socket: Socket): void => {
      if (!this.#hasPlace(socket)) return;
      if (hasHeader) {
        this.#holdPlace(socket);
        this.#takeProxyHeader(socket, timeoutMs, () => readByEvents(socket, this.#accept(socket, null)));
      } else {
        readShared(socket, (own) => {
          this.#holdPlace(own);
          return this.#accept(own, null);
        });
      }
    };
    return { open, secure: null };
  }

  #secureDoor(tls: ServerTlsDescription, hasHeader: boolean, alpn: readonly string[], timeoutMs: number): Door {
    const certificates = new ServerCertificates(tls);
    const mutual = tls.clientAuthorities !== undefined;
    const server = createTlsServer(
      {
        ...KEEP_ALIVE,
        noDelay: true,
        ALPNProtocols: [...alpn],
        handshakeTimeout: timeoutMs,
        requestCert: mutual,
        rejectUnauthorized: mutual,
        SNICallback: (name, done) => done(null, certificates.contextFor(name)),
        ...certificates.defaultOptions,
      },
      (socket) => readByEvents(socket, this.#accept(socket, socket)),
    );
    // Node reports a handshake that fails or takes too long, and leaves the socket to its listener.
    server.on('tlsClientError', (_error, socket) => {
      this.#owner.onHandshakeFailed();
      socket.destroy();
    });
    // A plain server takes the connections, so that they have their places before TLS begins, and a PROXY header is read.
    const open = (socket: Socket): void => {
      if (!this.#hasPlace(socket)) return;
      this.#holdPlace(socket);
      if (hasHeader) this.#takeProxyHeader(socket, timeoutMs, () => server.emit('connection', socket));
      else server.emit('connection', socket);
    };
    return { open, secure: { server, certificates } };
  }

  #hasPlace(socket: Socket): boolean {
    if (this.#owner.places.take()) return true;
    this.#owner.onNoPlace();
    socket.destroy();
    return false;
  }

  /** The place is free again when the socket is closed. */
  #holdPlace(socket: Socket): void {
    socket.once('close', () => this.#owner.places.give());
  }

  #takeProxyHeader(socket: Socket, timeoutMs: number, then: () => void): void {
    takeProxyHeader(
      socket,
      timeoutMs,
      (client) => {
        if (client !== null) {
          const peer = peerOf(socket);
          this.#reported.set(peer, client);
          socket.once('close', () => this.#reported.delete(peer));
        }
        then();
      },
      () => this.#owner.onHandshakeFailed(),
    );
  }

  #accept(socket: Socket, tls: TLSSocket | null): ByteReceiver {
    return this.#owner.onAccepted({
      socket,
      clientAddress: canonicalAddress(this.#reported.get(peerOf(socket)) ?? socket.remoteAddress ?? ''),
      secure: tls !== null,
      only: this.#description.only ?? null,
      alpn: tls === null ? null : negotiated(tls),
    });
  }

  /** Listens; answers the port. `reusePort` lets several threads share it, the kernel spreading connections over them. */
  listen(port: number, reusePort: boolean): Promise<number> {
    return this.#listen({ host: this.#description.host, port, reusePort });
  }

  /** Accepts from sockets that listen already. @param sockets their descriptors, at least one; answers the port */
  async listenOn(sockets: readonly number[]): Promise<number> {
    const ports = await Promise.all(sockets.map((fd) => this.#listen({ fd })));
    return ports[0] as number;
  }

  #listen(where: object): Promise<number> {
    const server = createServer({ ...KEEP_ALIVE, noDelay: true, pauseOnConnect: true }, (socket) =>
      this.#door.open(socket),
    );
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      // Behind `listen` it is an accept that has failed, for want of memory or descriptors: that connection alone is lost.
      server.on('error', reject);
      server.listen({ ...where, backlog: LISTEN_BACKLOG }, () => {
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
      });
    });
  }

  /** Descriptors of the sockets that it listens on. */
  get sockets(): readonly number[] {
    // Not in the documentation, which has no other way to hand them to another process.
    return this.#servers.map((server) => (server as unknown as { _handle: { fd: number } })._handle.fd);
  }

  get description(): ListenerDescription {
    return this.#description;
  }

  get address(): string {
    return `${this.#description.host}:${this.#description.port}`;
  }

  /** Takes certificates whose files have changed, and reports why they cannot be used, where they cannot. */
  refresh(): { readonly changed: boolean; readonly fault: string | null } {
    const { secure } = this.#door;
    if (secure === null) return { changed: false, fault: null };
    const { server, certificates } = secure;
    const changed = certificates.refresh();
    if (changed) server.setSecureContext(certificates.defaultOptions);
    return { changed, fault: certificates.fault };
  }

  /** Takes no more connections. */
  close(): void {
    for (const server of this.#servers) server.close();
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}/${remotePort}`;
}

function readByEvents(socket: Socket, receive: ByteReceiver): void {
  socket.on('data', (chunk: Buffer) => receive(chunk, 0, chunk.length));
  socket.resume();
}
