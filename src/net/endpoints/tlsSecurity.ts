import { constants, X509Certificate } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Socket } from 'node:net';
import {
  connect,
  createServer as createTlsServer,
  type DetailedPeerCertificate,
  type PeerCertificate,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import { type experimental, experimental as grpc } from '@grpc/grpc-js';
import { type Credentials, isOf } from './credentials.ts';
import { describeHolder, type Holder, holderOf } from './holder.ts';
import { NO_REVOCATIONS, type Revocations } from './revocations.ts';
import type { Party, Security } from './security.ts';

/** What connects has this long to say its first byte, and as long for its handshake. */
export const HANDSHAKE_MS_MAX = 5_000;
/** The first byte of a TLS record that begins a handshake (RFC 8446, section 5.1). */
export const HANDSHAKE_RECORD = 0x16;
const NO_TLS_SPOKEN = 'this port speaks TLS alone: expected a certificate of its authority (tls-cert, tls-key, tls-ca)';
/** What a handshake names as the host that is meant. */
const SERVER_NAME = 'rkv';
const NO_CERTIFICATE = 'no certificate was shown: expected one of the authority of this cluster (tls-cert, tls-key)';

interface Handshake {
  readonly secured: (socket: Socket, party: Party) => void;
  readonly failed: (why: string) => void;
}

/** Mutual TLS 1.3 (RFC 8446): both ends show a certificate, and whoever is not whom it has to be is refused. */
export class TlsSecurity implements Security {
  readonly isTls = true;
  /** Addresses may not be named in a handshake (RFC 6066), and servers do not go by names. */
  readonly channelOptions = { 'grpc.ssl_target_name_override': SERVER_NAME };
  private current: Credentials;
  private revocations: Revocations = NO_REVOCATIONS;
  /** Dialled by this end, and not closed yet. */
  private readonly dialled = new Set<TLSSocket>();
  private readonly whenRevoked = new Set<() => void>();
  /** Handshakes of all listeners are its: it never listens itself. */
  private readonly handshakes;
  /** Handshakes that are under way, by their two ends. */
  private readonly pending = new Map<string, Handshake>();
  private readonly httpServers = new Set<{ setSecureContext(options: TlsOptions): void }>();
  private readonly forChannels: ChannelCertificates;

  constructor(credentials: Credentials) {
    this.current = credentials;
    this.forChannels = new ChannelCertificates(credentials);
    this.handshakes = createTlsServer({
      ...this.listening(),
      ALPNProtocols: ['h2'],
      handshakeTimeout: HANDSHAKE_MS_MAX,
      noDelay: true,
    });
    this.handshakes.on('secureConnection', (socket) => this.secured(socket));
    // It is somebody who speaks no TLS 1.3, refuses our certificate, or went away.
    this.handshakes.on('tlsClientError', (error, socket) => {
      this.pending.get(endsOf(socket))?.failed(error.message);
      socket.destroy();
    });
  }

  get credentials(): Credentials {
    return this.current;
  }

  /** From now on connections are made of these; those that are there stay. */
  use(credentials: Credentials): void {
    this.current = credentials;
    this.forChannels.use(credentials);
    for (const server of [this.handshakes, ...this.httpServers]) server.setSecureContext(this.listening());
  }

  /** From now on these do not count: links that were dialled end where they lead to one of them, and whoever asked for it is told. */
  revoke(revocations: Revocations): void {
    this.revocations = revocations;
    for (const socket of this.dialled) if (this.whyRevoked(socket) !== undefined) socket.destroy();
    for (const listener of this.whenRevoked) listener();
  }

  /** Calls back whenever there is another list of what was revoked. */
  onRevoked(listener: () => void): void {
    this.whenRevoked.add(listener);
  }

  /** That the certificate at the other end was revoked, in words; undefined where it was not. */
  whyRevoked(socket: Socket): string | undefined {
    const certificate = (socket as Partial<TLSSocket>).getPeerX509Certificate?.();
    if (certificate === undefined || !this.revocations.isRevoked(chainOf(certificate))) return undefined;
    return `the certificate shown ${whose(holderOf(certificate))}${REVOKED}`;
  }

  private listening(): TlsOptions {
    const { cert, key, ca, clientCa } = this.current;
    return {
      cert,
      key,
      ca: [ca, clientCa],
      minVersion: 'TLSv1.3',
      requestCert: true,
      // Who shows nothing that counts is told so, in what he speaks, and is not let in.
      rejectUnauthorized: false,
      // A session that is taken up again would be so without a look at its certificate, which may have expired.
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
  }

  dial({ host, port }: { readonly host: string; readonly port: number }, serverId?: number): Socket {
    const { cert, key, ca } = this.current;
    const checkServerIdentity = this.checkFor(serverId);
    const options = { host, port, cert, key, ca, checkServerIdentity, minVersion: 'TLSv1.3' as const };
    const socket = connect({ ...options, servername: SERVER_NAME }).setNoDelay(true);
    this.dialled.add(socket);
    socket.once('close', () => this.dialled.delete(socket));
    return socket;
  }

  channelCredentials(serverId?: number) {
    const { forChannels } = this;
    return grpc.createCertificateProviderChannelCredentials(forChannels, forChannels, {
      checkServerIdentity: this.checkFor(serverId),
    });
  }

  /** Names of hosts are not looked at: a server is one at each of its addresses, and its certificate says which. */
  private checkFor(serverId: number | undefined) {
    return (_host: string, shown: PeerCertificate): Error | undefined => {
      const chain = shownChain(shown);
      const problem = this.revocations.isRevoked(chain) ? REVOKED : this.whyNotServer(holderOf(chain[0]!), serverId);
      return problem === undefined ? undefined : new Error(`the certificate there ${problem}`);
    };
  }

  private whyNotServer(holder: Holder | string, serverId: number | undefined): string | undefined {
    if (typeof holder === 'string') return holder;
    const expected = serverId === undefined ? 'a server' : `server ${serverId}`;
    const { cluster } = this.current.own;
    const isIt = holder.role === 'server' && (serverId === undefined || holder.id === serverId);
    const isOurs = cluster === undefined || holder.cluster === cluster;
    if (isIt && isOurs) return undefined;
    return `is of ${describeHolder(holder)}: expected ${expected}${cluster === undefined ? '' : ` of cluster ${cluster}`}`;
  }

  newListener(taken: (socket: Socket) => void) {
    return createServer({ noDelay: true }, taken);
  }

  secure(socket: Socket, secured: Handshake['secured'], failed: Handshake['failed']): void {
    socket.on('error', () => {});
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS_MAX);
    timer.unref();
    const leave = () => {
      clearTimeout(timer);
      socket.off('readable', look);
      socket.off('close', leave);
    };
    const look = () => {
      const first = socket.read() as Buffer | null;
      if (first === null) return;
      leave();
      socket.unshift(first);
      if (first[0] === HANDSHAKE_RECORD) this.shakeHands(socket, { secured, failed });
      else secured(socket, { kind: 'stranger', why: NO_TLS_SPOKEN });
    };
    socket.on('readable', look);
    socket.on('close', leave);
  }

  /** Node.js's server of TLS tells of the secure socket, and not which one it was made of: the two ends of the connection say that. */
  private shakeHands(socket: Socket, handshake: Handshake): void {
    const ends = endsOf(socket);
    this.pending.set(ends, handshake);
    socket.once('close', () => {
      if (this.pending.get(ends) === handshake) this.pending.delete(ends);
    });
    this.handshakes.emit('connection', socket);
  }

  private secured(socket: TLSSocket): void {
    const ends = endsOf(socket);
    const handshake = this.pending.get(ends);
    this.pending.delete(ends);
    if (handshake === undefined) socket.destroy();
    else handshake.secured(socket, this.partyAt(socket));
  }

  private partyAt(socket: TLSSocket): Party {
    const certificate = socket.getPeerX509Certificate();
    const stranger = (why: string): Party => ({ kind: 'stranger', why });
    if (certificate === undefined) return stranger(NO_CERTIFICATE);
    const holder = holderOf(certificate);
    if (!socket.authorized) {
      const error = socket.authorizationError as unknown as string;
      return stranger(`the certificate shown ${whose(holder)}${wordsFor(error)}`);
    }
    if (typeof holder === 'string') return stranger(`the certificate shown ${holder}`);
    const { own } = this.current;
    if (holder.cluster !== undefined && holder.cluster !== own.cluster) {
      return stranger(`the certificate shown is of ${describeHolder(holder)}: this is cluster ${own.cluster}`);
    }
    if (!this.hasSaid(certificate, holder)) {
      const flag = holder.role === 'server' ? 'tls-ca' : 'client-ca';
      return stranger(`the certificate shown is of ${describeHolder(holder)}, and not of the authority in -${flag}`);
    }
    const revoked = this.whyRevoked(socket);
    return revoked === undefined ? { kind: 'holder', holder } : stranger(revoked);
  }

  /** Whether the authority is one that may say this: servers' and clients' may be two. */
  private hasSaid(certificate: X509Certificate, holder: Holder): boolean {
    const { authorities, clientAuthorities } = this.current;
    if (authorities === clientAuthorities) return true;
    return isOf(holder.role === 'server' ? authorities : clientAuthorities, chainOf(certificate));
  }

  newHttpServer(handler: Parameters<Security['newHttpServer']>[0]): HttpServer {
    const server = createHttpsServer(
      { ...this.listening(), handshakeTimeout: HANDSHAKE_MS_MAX },
      (request, response) => {
        const party = this.partyAt(request.socket as TLSSocket);
        if (party.kind === 'stranger') response.writeHead(403, { connection: 'close' }).end(`${party.why}\n`);
        else handler(request, response);
      },
    );
    this.httpServers.add(server);
    server.on('close', () => this.httpServers.delete(server));
    return server;
  }
}

interface Link<C> {
  readonly raw?: Buffer;
  readonly issuerCertificate?: C | undefined;
}

/** A certificate and those that it rests on, as far as they are known. */
function chainOf<C extends Link<C>>(certificate: C): C[] {
  const chain: C[] = [];
  let each: C | undefined = certificate;
  while (each?.raw !== undefined) {
    const { raw }: Link<C> = each;
    if (chain.some((known) => known.raw!.equals(raw!))) break;
    chain.push(each);
    each = each.issuerCertificate;
  }
  return chain;
}

/** The same of what a server has shown. */
function shownChain(shown: PeerCertificate): X509Certificate[] {
  return chainOf<Partial<DetailedPeerCertificate>>(shown).map(({ raw }) => new X509Certificate(raw!));
}

function whose(holder: Holder | string): string {
  return typeof holder === 'string' ? '' : `(${describeHolder(holder)}) `;
}

/** Unique among the connections of a machine at any time. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

const REVOKED = 'was revoked';
const OF_ANOTHER_AUTHORITY = 'is not of the authority of this cluster';
const VERIFICATION_WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: "is not valid yet, by this machine's clock",
  INVALID_PURPOSE: 'is not one to dial with: expected the extended key usage clientAuth',
  SELF_SIGNED_CERT_IN_CHAIN: OF_ANOTHER_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: OF_ANOTHER_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: OF_ANOTHER_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OF_ANOTHER_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: OF_ANOTHER_AUTHORITY,
  CERT_SIGNATURE_FAILURE: OF_ANOTHER_AUTHORITY,
};

function wordsFor(code: string): string {
  return VERIFICATION_WORDS[code] ?? `does not count (${code})`;
}

/** What gRPC's channels connect with, the next time that each of them does. */
class ChannelCertificates implements experimental.CertificateProvider {
  private readonly authorityListeners = new Set<experimental.CaCertificateUpdateListener>();
  private readonly ownListeners = new Set<experimental.IdentityCertificateUpdateListener>();
  private current: Credentials;

  constructor(credentials: Credentials) {
    this.current = credentials;
  }

  use(credentials: Credentials): void {
    this.current = credentials;
    for (const listener of this.authorityListeners) listener(this.authority());
    for (const listener of this.ownListeners) listener(this.own());
  }

  private authority(): experimental.CaCertificateUpdate {
    return { caCertificate: Buffer.from(this.current.ca) };
  }

  private own(): experimental.IdentityCertificateUpdate {
    return { certificate: Buffer.from(this.current.cert), privateKey: Buffer.from(this.current.key) };
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.authorityListeners.add(listener);
    listener(this.authority());
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.authorityListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.ownListeners.add(listener);
    listener(this.own());
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.ownListeners.delete(listener);
  }
}
