import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { type Client, type ServiceError, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { grpcReason } from '../../client/grpcReason.ts';
import type { MessageCodec } from '../../consensus/contract.ts';
import { clientChannelOptions, openChannel } from '../../net/endpoints/channels.ts';
import type { Credentials } from '../../net/endpoints/credentials.ts';
import { NO_REVOCATIONS, readRevocations } from '../../net/endpoints/revocations.ts';
import { NO_SECURITY, type Security } from '../../net/endpoints/security.ts';
import type { TlsSecurity } from '../../net/endpoints/tlsSecurity.ts';
import { GrpcServer } from '../../net/grpc/grpcServer.ts';
import { TestAuthority } from '../../net/testing/certificates.ts';
import { CredentialFolder } from '../../net/testing/credentialFolder.ts';
import { takeFreePorts } from '../../supervisor/process/freePorts.ts';
import { NO_FENCES } from '../../wire/fence.ts';
import { AdminClient, AdminService } from '../../wire/generated/admin.ts';
import { PeerClient, PeerService } from '../../wire/generated/peer.ts';
import { ReconfType, RKVClient, RKVService } from '../../wire/generated/rkv.ts';
import { MESSAGE_BYTES_MAX, PEER_PREFACE } from '../../wire/peerFrames.ts';
import { PEER_VERSIONS } from '../../wire/peerVersions.ts';
import type { Caller } from '../admission/callers.ts';
import type { FrontDoor } from '../admission/frontDoor.ts';
import { impersonation } from '../admission/permissions.ts';
import { openDoor } from '../admission/testing/openDoor.ts';
import { Hearsay } from '../identity/hearsay.ts';
import { introductionOf } from '../identity/identity.ts';
import { IdentityFile } from '../identity/identityFile.ts';
import { Addresses } from '../identity/testing/addresses.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { PeerAcceptor } from '../transport/peerAcceptor.ts';
import { PeerLink } from '../transport/peerLink.ts';
import { GrpcListener } from './grpcListener.ts';

const CODEC: MessageCodec<Uint8Array> = {
  encode: (message) => message,
  encodeLarge: () => undefined,
  decode: (bytes) => bytes,
  mayOvertake: () => false,
};
const DAY_MS = 86_400_000;

const folder = new CredentialFolder();
let authority: TestAuthority;
let other: TestAuthority;
let clients: TestAuthority;
/** Server 1 of cluster demo, who takes clients of its own authority. */
let one: TlsSecurity;
let two: TlsSecurity;
let alice: TlsSecurity;
let olga: TlsSecurity;

beforeAll(async () => {
  // Two of one name: by names alone nobody could tell them apart.
  authority = await TestAuthority.make('servers');
  other = await TestAuthority.make('servers');
  clients = await TestAuthority.make('servers');
  one = folder.security(await authority.server(1), 1, authority.certificate);
  two = folder.security(await authority.server(2), 2, authority.certificate);
  alice = folder.security(await authority.client('alice'), 0, authority.certificate);
  olga = folder.security(await authority.operator('olga'), 0, authority.certificate);
});
afterAll(() => folder.remove());

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

function identityOf(id: number): IdentityFile {
  const path = mkdtempSync(join(folder.path, 'identity-'));
  const identity = IdentityFile.open(path, id, 'gorums', true);
  identity.change({ cluster: 'c'.repeat(32) });
  closers.push(() => rmSync(path, { recursive: true }));
  return identity;
}

/** Remembers what people are to see. */
class Lines {
  readonly all: string[] = [];
  info = (_facts: object, line: string) => void this.all.push(line);
  warn = this.info;
  error = this.info;
}

interface Served {
  readonly port: number;
  readonly address: string;
  readonly door: FrontDoor;
  /** What the server said of those whom it refused. */
  readonly reports: string[];
  readonly whose: (Caller | undefined)[];
  readonly received: Uint8Array[];
  readonly called: string[];
  readonly addresses: Addresses;
}

/** Server 1, as far as it meets the network. */
async function serve(security: Security): Promise<Served> {
  const reports: string[] = [];
  const whose: Served['whose'] = [];
  const received: Uint8Array[] = [];
  const called: string[] = [];
  const door = openDoor({
    report: (what, caller) => {
      reports.push(what);
      whose.push(caller);
    },
  });
  const grpc = new GrpcServer({ messageBytesMax: 1 << 20 });
  const all = (service: object, more: UntypedServiceImplementation = {}): UntypedServiceImplementation => ({
    ...Object.fromEntries(
      Object.keys(service).map((name) => [
        name,
        (_call: unknown, done: (error: null, answer: object) => void) => {
          called.push(name);
          done(null, {});
        },
      ]),
    ),
    ...more,
  });
  grpc.addService(AdminService, all(AdminService));
  grpc.addService(RKVService, all(RKVService));
  const introduce = (call: { request: { id: number } }, done: (error: object | null, answer?: object) => void) => {
    const party = door.connectionOf(call as never)!.party;
    const details = impersonation(party, call.request.id);
    if (details === undefined) done({ code: status.ABORTED, details: 'it is who it says' });
    else done({ code: status.PERMISSION_DENIED, details });
  };
  grpc.addService(PeerService, all(PeerService, { introduce } as never), { isForPeers: true });
  const identity = identityOf(1);
  const addresses = new Addresses();
  const acceptor = new PeerAcceptor<Uint8Array>({
    self: 1,
    serverCount: 3,
    speaks: PEER_VERSIONS,
    identity,
    hearsay: new Hearsay(identity, addresses),
    codec: CODEC,
    maxMessageBytes: MESSAGE_BYTES_MAX,
    log: new Lines() as unknown as LimitedLog,
    fences: () => NO_FENCES,
    receive: (_from, message) => {
      received.push(message);
      return undefined;
    },
  });
  const listener = new GrpcListener(grpc, door, security, (socket, connection) => acceptor.accept(socket, connection));
  const [port] = (await takeFreePorts(1)) as [number];
  await listener.listen({ host: '127.0.0.1', port });
  closers.push(() => {
    acceptor.close();
    listener.close();
    door.close();
  });
  return { port, address: `127.0.0.1:${port}`, door, reports, whose, received, called, addresses };
}

/** The words and the code of a call that failed; undefined where it was answered. */
function ask<C extends Client>(
  clientClass: new (...words: never[]) => C,
  { address }: Served,
  security: Security,
  call: (client: C, done: (error: ServiceError | null) => void) => void,
): Promise<{ code: number; words: string } | undefined> {
  const client = openChannel(clientClass as never, address, clientChannelOptions(1 << 20), security) as C;
  closers.push(() => client.close());
  return new Promise((resolve) =>
    call(client, (error) => resolve(error === null ? undefined : { code: error.code, words: grpcReason(error) })),
  );
}

const lookUp = (served: Served, security: Security) =>
  ask(RKVClient, served, security, (client, done) => client.lookup({ Key: 'a' } as never, done));
const transfer = (served: Served, security: Security) =>
  ask(AdminClient, served, security, (client, done) => client.transferLeadership({ to: 2 }, done));
const introduceAs = (served: Served, security: Security, id: number) =>
  ask(PeerClient, served, security, (client, done) =>
    client.introduce({ ...introductionOf(identityOf(id).identity), isMember: false }, done),
  );

/** A link that server `id` dials: what it received at the other end, or why it did not come about. */
async function link(served: Served, security: Security, id: number, expected = 1): Promise<string> {
  const identity = identityOf(id);
  served.addresses.put(id, () => identity.identity);
  const log = new Lines();
  const peer = new PeerLink<Uint8Array>({
    self: id,
    peer: expected,
    speaks: PEER_VERSIONS,
    address: { host: '127.0.0.1', port: served.port },
    security,
    identity,
    codec: CODEC,
    maxMessageBytes: MESSAGE_BYTES_MAX,
    log: log as unknown as LimitedLog,
    counts: () => true,
    accepted: () => {},
    gone: () => {},
    refused: () => {},
    notUnderstood: () => {},
  });
  closers.push(() => peer.close());
  const before = served.received.length;
  peer.send([Uint8Array.of(id)]);
  await expect.poll(() => served.received.length > before || log.all.length > 0).toBe(true);
  await expect
    .poll(() => served.received.length > before || log.all.some((line) => !line.startsWith('connected')))
    .toBe(true);
  return served.received.length > before ? 'heard' : log.all.join('; ');
}

const hostile = async (made: Parameters<CredentialFolder['hostile']>[0], model: Credentials = alice.credentials) =>
  folder.hostile(made, model, authority.certificate);

describe('with TLS', () => {
  it('peers, clients and operators of the right authority are served', async () => {
    const served = await serve(one);
    expect(await lookUp(served, alice)).toBeUndefined();
    expect(await transfer(served, olga)).toBeUndefined();
    expect((await introduceAs(served, two, 2))?.words).toBe('it is who it says');
    expect(await link(served, two, 2)).toBe('heard');
    expect(served.called).toEqual(['lookup', 'transferLeadership']);
    expect(served.reports).toEqual([]);
  });

  it.each<[string, () => Promise<Security>, RegExp]>([
    [
      'of another authority',
      async () => hostile(await other.client('alice')),
      /is not of the authority of this cluster/,
    ],
    [
      'that has expired',
      async () => hostile(await authority.client('alice', 'demo', { validFromMs: -DAY_MS, validForMs: DAY_MS / 2 })),
      /\(client alice of cluster demo\) has expired/,
    ],
    [
      'that is not valid yet',
      async () => hostile(await authority.client('alice', 'demo', { validFromMs: DAY_MS })),
      /is not valid yet/,
    ],
    [
      'of another cluster',
      async () => hostile(await authority.client('alice', 'prod')),
      /is of client alice of cluster prod: this is cluster demo/,
    ],
    [
      'with two names',
      async () => hostile(await authority.issue({ uris: ['rkv://demo/client/a', 'rkv://demo/operator/a'] })),
      /names 2 rkv URIs/,
    ],
    [
      'with a name that is none',
      async () => hostile(await authority.issue({ uris: ['rkv://demo/admin/a'] })),
      /names rkv:\/\/demo\/admin\/a: expected/,
    ],
  ])('a client with a certificate %s is refused, and told so', async (_name, security, words) => {
    const served = await serve(one);
    const refusal = await lookUp(served, await security());
    expect(refusal?.code).toBe(status.UNAUTHENTICATED);
    expect(refusal?.words).toMatch(words);
    expect(served.reports).toEqual([expect.stringMatching(words)]);
    expect(served.called).toEqual([]);
    const isPeer = await link(served, await security(), 2);
    expect(isPeer).toMatch(words);
  });

  it('who shows no certificate is refused, and told so', async () => {
    const { port, reports } = await serve(one);
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    closers.push(() => socket.destroy());
    socket.write(PEER_PREFACE);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toContain('no certificate was shown');
    expect(reports).toEqual([expect.stringContaining('no certificate was shown')]);
    expect(socket.alpnProtocol).toBe('h2');
  });

  it('what shows a certificate without rkv URI is a client, named by its common name', async () => {
    const served = await serve(one);
    const somebody = await hostile(await authority.issue({ name: 'bob' }));
    expect(await lookUp(served, somebody)).toBeUndefined();
    expect((await transfer(served, somebody))?.code).toBe(status.PERMISSION_DENIED);
  });

  it('who is connected is told by the name in his certificate, and so is what he was refused', async () => {
    const served = await serve(one);
    await lookUp(served, alice);
    await transfer(served, alice);
    await transfer(served, olga);
    await lookUp(served, await hostile(await other.client('mallory')));
    const { callers, othersCount } = served.door.callersReport([], 20);
    const figures = { address: '127.0.0.1', sessions: 0, pending: 0 };
    expect(othersCount).toBe(0);
    expect(callers).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...figures, role: 'client', name: 'alice', connections: 2, refusals: 1 }),
        expect.objectContaining({ ...figures, role: 'operator', name: 'olga', connections: 1, refusals: 0 }),
        // A name that nobody vouches for is none.
        expect.objectContaining({ ...figures, role: '', name: '', refusals: 1 }),
      ]),
    );
    expect(served.reports[0]).toBe(
      "refused /rkvadmin.Admin/TransferLeadership: this takes an operator's certificate, and the one shown is a client's",
    );
    expect(served.whose[0]).toEqual({ address: '127.0.0.1', role: 'client', name: 'alice' });
  });

  it("a client's certificate is not an operator's", async () => {
    const served = await serve(one);
    expect(await transfer(served, alice)).toEqual({
      code: status.PERMISSION_DENIED,
      words: "this takes an operator's certificate, and the one shown is a client's",
    });
    const calls: [typeof AdminClient | typeof RKVClient, (client: never, done: never) => void][] = [
      [
        AdminClient,
        (client: AdminClient, done: never) => client.setFault({ id: 'f', fault: undefined, lastsMs: 1 }, done),
      ],
      [AdminClient, (client: AdminClient, done: never) => client.healFaults({ ids: [] }, done)],
      [AdminClient, (client: AdminClient, done: never) => client.saveSnapshot({}).once('error', done)],
      [
        RKVClient,
        (client: RKVClient, done: never) => client.reconf({ serverID: 1, reconfType: ReconfType.REMOVE }, done),
      ],
      [
        RKVClient,
        (client: RKVClient, done: never) => client.reconfOnBecome({ serverID: 1, reconfType: ReconfType.ADD }, done),
      ],
    ];
    for (const [clientClass, call] of calls) {
      expect((await ask(clientClass as typeof AdminClient, served, alice, call as never))?.code).toBe(
        status.PERMISSION_DENIED,
      );
    }
    expect(served.called).toEqual([]);
  });

  it("a client's or an operator's certificate is not a peer's", async () => {
    const served = await serve(one);
    for (const security of [alice, olga]) {
      expect(await link(served, security, 2)).toMatch(
        /certificate shown is an? (?:client|operator)'s: expected that of server 2/,
      );
      expect((await introduceAs(served, security, 2))?.code).toBe(status.PERMISSION_DENIED);
    }
    expect(served.received).toEqual([]);
  });

  it("a server's certificate is not a client's or an operator's", async () => {
    const served = await serve(one);
    expect((await lookUp(served, two))?.words).toBe(
      "this takes a client's certificate, and the one shown is a server's",
    );
    expect((await transfer(served, two))?.words).toBe(
      "this takes an operator's certificate, and the one shown is a server's",
    );
  });

  it('one member cannot speak as another', async () => {
    const served = await serve(one);
    expect(await link(served, two, 3)).toContain('the certificate shown is of server 2: it cannot speak as server 3');
    expect((await introduceAs(served, two, 3))?.words).toContain('cannot speak as server 3');
    expect(served.received).toEqual([]);
  });

  it('a server of another cluster of the same authority is no peer, at either end', async () => {
    const foreign = folder.security(await authority.server(2, 'prod'), 2, authority.certificate);
    expect(await link(await serve(one), foreign, 2)).toContain(
      'the certificate there is of server 1 of cluster demo: expected server 1 of cluster prod',
    );
    const hidden = await hostile(await authority.server(2, 'prod'), two.credentials);
    expect(await link(await serve(one), hidden, 2)).toContain('is of server 2 of cluster prod: this is cluster demo');
  });

  it('a peer that is reached where another server is says nothing there', async () => {
    const served = await serve(one);
    expect(await link(served, two, 2, 3)).toContain(
      'the certificate there is of server 1 of cluster demo: expected server 3 of cluster demo',
    );
  });

  it('clients do not speak to what is no server of their cluster', async () => {
    const cases: [Security, RegExp][] = [
      [
        await hostile(await authority.client('mallory'), one.credentials),
        /the certificate there is not one for a server/,
      ],
      [
        await hostile(await authority.server(1, 'prod'), one.credentials),
        /of cluster prod: expected a server of cluster demo/,
      ],
      [
        await hostile(await other.server(1), one.credentials),
        /the certificate there is not of the authority in tls-ca/,
      ],
      [
        await hostile(
          await authority.server(1, 'demo', { validFromMs: -DAY_MS, validForMs: DAY_MS / 2 }),
          one.credentials,
        ),
        /the certificate there has expired/,
      ],
    ];
    for (const [security, words] of cases) {
      const served = await serve(security);
      expect((await lookUp(served, alice))?.words).toMatch(words);
      expect(served.called).toEqual([]);
    }
  });

  it('authorities of servers and of clients are two, and neither may name what the other does', async () => {
    const both = folder.security(await authority.server(1), 1, authority.certificate, clients.certificate);
    const served = await serve(both);
    const bob = await hostile(await clients.client('bob'));
    expect(await lookUp(served, bob)).toBeUndefined();
    expect(await link(served, two, 2)).toBe('heard');
    expect((await lookUp(served, alice))?.words).toContain('not of the authority in -client-ca');
    const forged = await hostile(await clients.server(2), two.credentials);
    expect(await link(served, forged, 2)).toContain('not of the authority in -tls-ca');
  });
});

describe('plain text and TLS', () => {
  it('a client without TLS is told that the port has it', async () => {
    const served = await serve(one);
    const refusal = await lookUp(served, NO_SECURITY);
    expect(refusal?.code).toBe(status.UNAUTHENTICATED);
    expect(refusal?.words).toContain('this port speaks TLS alone');
    expect(served.reports).toEqual([expect.stringContaining('this port speaks TLS alone')]);
    const response = await fetch(`http://${served.address}/`);
    expect([response.status, await response.text()]).toEqual([
      505,
      expect.stringContaining('this port speaks TLS alone'),
    ]);
  });

  it('a peer without TLS is told that the port has it', async () => {
    expect(await link(await serve(one), NO_SECURITY, 2)).toContain('this port speaks TLS alone');
  });

  it('with TLS to a port that has none, both ends are told', async () => {
    const served = await serve(NO_SECURITY);
    expect((await lookUp(served, alice))?.words).toContain('speaks no TLS');
    expect(await link(served, two, 2)).toContain('speaks no TLS');
    expect(served.reports[0]).toContain('it speaks TLS, and this server was started without');
  });

  it('who is revoked is refused: a client, an operator and a peer, and connections that he has end', async () => {
    const served = await serve(one);
    const { cert, key } = alice.credentials;
    const made = { certificate: cert, key };
    const [bob, oscar, three] = [
      await authority.client('bob'),
      await authority.operator('oscar'),
      await authority.server(3),
    ];
    const crl = folder.write('crl.pem', await authority.revoke([bob, oscar, three]));
    const authorities = one.credentials.authorities;
    one.onRevoked(() => served.door.endWhere((socket) => one.whyRevoked(socket)));
    closers.push(() => one.revoke(NO_REVOCATIONS));
    const byBob = folder.security(bob, 0, authority.certificate);
    expect(await lookUp(served, byBob)).toBeUndefined();
    expect(await lookUp(served, folder.security(made, 0, authority.certificate))).toBeUndefined();
    await expect.poll(() => served.door.connectionCount).toBe(2);
    one.revoke(readRevocations(crl, authorities, Date.now()));
    expect(served.door.connectionCount).toBe(1);
    expect(served.reports).toEqual([
      'closed a connection: the certificate shown (client bob of cluster demo) was revoked',
    ]);
    const refused = { code: status.UNAUTHENTICATED };
    expect(await lookUp(served, byBob)).toMatchObject({ ...refused, words: expect.stringContaining('was revoked') });
    expect(await transfer(served, folder.security(oscar, 0, authority.certificate))).toMatchObject(refused);
    const asThree = folder.security(three, 3, authority.certificate);
    expect(await introduceAs(served, asThree, 3)).toMatchObject(refused);
    expect(await link(served, asThree, 3)).toContain('the certificate shown (server 3 of cluster demo) was revoked');
    expect(await lookUp(served, alice)).toBeUndefined();
  });

  it('TLS 1.2 is not taken', async () => {
    const served = await serve(one);
    const { cert, key, ca } = alice.credentials;
    const socket = connectTls({
      host: '127.0.0.1',
      port: served.port,
      cert,
      key,
      ca,
      maxVersion: 'TLSv1.2',
      checkServerIdentity: () => undefined,
    });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toMatch(/protocol version/);
    await expect.poll(() => served.reports).toEqual([expect.stringContaining('TLS could not be agreed on')]);
  });

  it('a session is not taken up again: its certificate would not be looked at', async () => {
    const served = await serve(one);
    const { cert, key, ca } = alice.credentials;
    const options = { host: '127.0.0.1', port: served.port, cert, key, ca, checkServerIdentity: () => undefined };
    const sessions: Buffer[] = [];
    const first = connectTls(options);
    first.on('session', (session) => sessions.push(session));
    await once(first, 'secureConnect');
    first.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await once(first, 'data');
    first.destroy();
    const second = connectTls({ ...options, ...(sessions[0] === undefined ? {} : { session: sessions[0] }) });
    closers.push(() => second.destroy());
    await once(second, 'secureConnect');
    expect(second.isSessionReused()).toBe(false);
  });
});

describe('half-open handshakes', () => {
  it('count as connections, and make room for others', async () => {
    const served = await serve(one);
    const half: Socket[] = [];
    closers.push(() => {
      for (const socket of half) socket.destroy();
    });
    let closed = 0;
    for (let i = 0; i < 100; i++) {
      const socket = connect(served.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.on('close', () => closed++);
      socket.write(Buffer.from([0x16, 3, 1]));
      half.push(socket);
      await once(socket, 'connect');
    }
    await expect.poll(() => served.door.connectionCount).toBe(100);
    // As many as are taken: those that were idle for a second are closed for others.
    await expect.poll(async () => (await lookUp(served, alice)) === undefined, { timeout: 4000 }).toBe(true);
    expect(closed).toBeGreaterThan(0);
    expect(served.door.connectionCount).toBeLessThanOrEqual(100);
  });

  it('have their time', async () => {
    const served = await serve(one);
    const sockets = [Buffer.from([0x16, 3, 1]), Buffer.alloc(0)].map((bytes) => {
      const socket = connect(served.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(bytes);
      return socket;
    });
    const startMs = performance.now();
    await Promise.all(sockets.map((socket) => once(socket.resume(), 'close')));
    expect(performance.now() - startMs).toBeLessThan(9000);
    await expect.poll(() => served.door.connectionCount).toBe(0);
  }, 15_000);
});
