import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type CertificateRequest, type MadeCertificate, TestAuthority } from '../testing/certificates.ts';
import { CredentialFolder } from '../testing/credentialFolder.ts';
import type { CredentialFiles } from './credentials.ts';
import { KeptCredentials } from './keptCredentials.ts';
import type { Party } from './security.ts';
import type { TlsSecurity } from './tlsSecurity.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const folder = new CredentialFolder();
let authority: TestAuthority;
let two: TlsSecurity;

beforeAll(async () => {
  authority = await TestAuthority.make();
  two = folder.security(await authority.server(2), 2, authority.certificate);
});
afterAll(() => folder.remove());

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

function kept(files: CredentialFiles) {
  const lines: string[] = [];
  const say = (words: string) => void lines.push(words);
  const credentials = new KeptCredentials(files, 1, { info: say, warn: say, error: say });
  closers.push(() => credentials.close());
  return { credentials, lines };
}

async function filesOf(more: CertificateRequest = {}) {
  const made = await authority.server(1, 'demo', more);
  return folder.files(made, authority.certificate);
}

/** Puts a certificate in the place of another. */
function put(files: CredentialFiles, { certificate, key }: MadeCertificate): void {
  writeFileSync(files.cert, certificate);
  writeFileSync(files.key, key);
}

/** Listens, and echoes; dials with the certificate of server 2. */
async function listening(security: TlsSecurity) {
  const parties: Party[] = [];
  const server = security.newListener((socket) =>
    security.secure(
      socket,
      (secured, party) => {
        parties.push(party);
        secured.on('error', () => {});
        secured.pipe(secured);
      },
      () => {},
    ),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const dial = async () => {
    const socket = two.dial({ host: '127.0.0.1', port }, 1) as TLSSocket;
    closers.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  return { parties, dial, port };
}

async function echoed(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return String(answer);
}

it('certificates are read again when their files change, and links stay', async () => {
  const files = await filesOf();
  const { credentials, lines } = kept(files);
  const { dial, parties } = await listening(credentials.security);
  const before = await dial();
  expect(await echoed(before, 'a')).toBe('a');
  credentials.look();
  expect(lines).toEqual([]);
  const next = await authority.server(1);
  put(files, next);
  credentials.look();
  expect(lines).toEqual([expect.stringContaining('certificates were read again')]);
  const after = await dial();
  expect(after.getPeerX509Certificate()?.serialNumber).not.toBe(before.getPeerX509Certificate()?.serialNumber);
  expect(await echoed(before, 'b')).toBe('b');
  expect(await echoed(after, 'c')).toBe('c');
  expect(parties).toEqual(Array(2).fill({ kind: 'holder', holder: { role: 'server', cluster: 'demo', id: 2 } }));
});

it('of an authority that is given up nobody new is let in', async () => {
  const next = await TestAuthority.make('next');
  const files = await filesOf();
  const { credentials } = kept(files);
  const { dial, parties } = await listening(credentials.security);
  const socket = await dial();
  await echoed(socket, 'a');
  put(files, await next.server(1));
  writeFileSync(files.ca, next.certificate);
  two.use({ ...two.credentials, ca: `${authority.certificate}\n${next.certificate}` });
  credentials.look();
  const stranger = await dial();
  await echoed(stranger, 'b');
  expect(parties.map(({ kind }) => kind)).toEqual(['holder', 'stranger']);
});

it('what cannot be used changes nothing, and is told once', async () => {
  const files = await filesOf();
  const { credentials, lines } = kept(files);
  const { own, cert } = credentials.security.credentials;
  const cases: [() => unknown, string][] = [
    [() => writeFileSync(files.key, 'half'), 'no private key can be read in it'],
    [async () => put(files, await authority.server(2)), 'expected server 1'],
    [async () => put(files, await authority.server(1, 'prod')), 'it is of cluster prod: expected demo'],
  ];
  for (const [change, words] of cases) {
    lines.length = 0;
    await change();
    credentials.look();
    credentials.look();
    expect(lines).toEqual([expect.stringMatching(`^certificates stay as they were: .*${words}`)]);
    expect(credentials.security.credentials).toMatchObject({ own, cert });
  }
});

it('what is revoked later is refused, and its links end, at both ends; a bad list changes nothing', async () => {
  const made = await authority.server(2);
  const files = { ...(await filesOf()), crl: folder.write('revoked.pem', await authority.revoke([])) };
  const lines: string[] = [];
  const say = (words: string) => void lines.push(words);
  const credentials = new KeptCredentials(files, 1, { info: say, warn: say, error: say });
  closers.push(() => credentials.close());
  const { security } = credentials;
  expect(lines).toEqual([`0 certificates are revoked by ${files.crl}`]);
  const { dial, parties } = await listening(security);
  const others = await listening(folder.security(made, 2, authority.certificate));
  const dialled = security.dial({ host: '127.0.0.1', port: others.port }, 2);
  closers.push(() => dialled.destroy());
  await once(dialled, 'secureConnect');
  let told = 0;
  security.onRevoked(() => told++);
  const ended = once(dialled, 'close');
  writeFileSync(files.crl, await authority.revoke([made]));
  credentials.look();
  await ended;
  expect(told).toBe(1);
  const again = security.dial({ host: '127.0.0.1', port: others.port }, 2);
  const [failure] = (await once(again, 'error')) as [Error];
  expect(failure.message).toBe('the certificate there was revoked');
  two.use({ ...two.credentials, cert: made.certificate, key: made.key });
  await echoed(await dial(), 'a');
  expect(parties).toEqual([{ kind: 'stranger', why: 'the certificate shown (server 2 of cluster demo) was revoked' }]);
  lines.length = 0;
  writeFileSync(files.crl, 'half a list');
  credentials.reload();
  expect(lines.at(-1)).toMatch(/^what was revoked stays as it was: tls-crl .*: no list is in it/);
  await echoed(await dial(), 'b');
  expect(parties.map(({ kind }) => kind)).toEqual(['stranger', 'stranger']);
});

it('a server is told that its own certificate is revoked, and that a list is overdue; one that cannot be read ends its start', async () => {
  const made = await authority.server(1);
  const crl = folder.write('own.pem', await authority.revoke([made], { validFromMs: -2 * DAY_MS, validForMs: DAY_MS }));
  const files = { ...folder.files(made, authority.certificate), crl };
  const lines: string[] = [];
  const say = (words: string) => void lines.push(words);
  const log = { info: say, warn: say, error: say };
  const credentials = new KeptCredentials(files, 1, log);
  closers.push(() => credentials.close());
  expect(lines).toEqual([
    `1 certificate is revoked by ${crl}`,
    `the certificate in ${files.cert} is among them: nobody takes it who reads that list`,
    expect.stringMatching(/was to be followed by another one at 20.*Z: it counts until one is there$/),
  ]);
  writeFileSync(crl, '');
  expect(() => new KeptCredentials(files, 1, log)).toThrow('no list is in it');
});

it('that a certificate expires is told in time, by its own measure', async () => {
  expect(kept(await filesOf({ validForMs: 60 * DAY_MS })).lines).toEqual([]);
  expect(kept(await filesOf({ validFromMs: -47 * DAY_MS, validForMs: 60 * DAY_MS })).lines).toEqual([
    expect.stringMatching(/expires at 20.*Z: put a new one there/),
  ]);
  expect(kept(await filesOf({ validForMs: DAY_MS })).lines).toEqual([]);
  const short = kept(await filesOf({ validFromMs: -19 * HOUR_MS, validForMs: DAY_MS }));
  short.credentials.look();
  expect(short.lines).toHaveLength(1);
  expect(Math.round(short.credentials.secondsLeft / 3600)).toBe(5);
});
