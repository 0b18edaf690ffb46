import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import http2 from 'node:http2';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { parseAddress } from '../net/endpoints/addresses.ts';
import { clientSecurity } from '../net/endpoints/clientSecurity.ts';
import { NO_SECURITY } from '../net/endpoints/security.ts';
import { makeTemporaryFolder } from '../supervisor/process/temporaryFolder.ts';
import { localClientFiles, makeLocalCertificates } from '../supervisor/tls/localSecurity.ts';
import { LookupRequest } from '../wire/generated/rkv.ts';
import type { Attack, Target } from './attack.ts';
import { grpcMessage, openCall } from './http2Frames.ts';

const LASTS_MS = 8000;
const AT_ONCE = 32;
/** Of one answer; a connection that is ended without one counts as refused, too. */
const ANSWER_MS_MAX = 10_000;
const HALF_OPEN = 500;
/** How a handshake begins (RFC 8446, 5.1): a record of 512 bytes, of which no more comes. */
const HALF_A_HANDSHAKE = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]);

interface Way {
  readonly name: string;
  readonly dial: () => Socket;
}

/** How whoever has no certificate of the cluster's authority may come. */
async function waysOf({ leader, credentials }: Target): Promise<Way[]> {
  const address = parseAddress(leader)!;
  const own = await makeTemporaryFolder(tmpdir(), 'rkv-stranger-');
  await makeLocalCertificates(own, 'attack', []);
  // It does not mind who the server is, as nobody who attacks would.
  const forged = clientSecurity({ ...localClientFiles(own), ca: credentials!.ca });
  await rm(own, { recursive: true });
  return [
    {
      name: 'without a certificate',
      dial: () => connect({ ...address, rejectUnauthorized: false, minVersion: 'TLSv1.3' }),
    },
    { name: "with one of an authority of the stranger's own, of the same name", dial: () => forged.dial(address) },
    { name: 'without TLS', dial: () => NO_SECURITY.dial(address) },
  ];
}

/**
 * Connections without a certificate, with a forged one and in plain text, as fast as they go, each asking for one lookup, beside handshakes that
 * are never completed. Fails where one is answered otherwise than with a refusal.
 */
export const strangers: Attack = async (target) => {
  const ways = await waysOf(target);
  const counts = ways.map(() => ({ asked: 0, told: 0 }));
  const endMs = performance.now() + LASTS_MS * Math.min(1, target.scale);
  const held: Socket[] = [];
  const halfOpen = Math.ceil(HALF_OPEN * target.scale);
  const one = async (lane: number) => {
    for (let turn = lane; performance.now() < endMs; turn++) {
      const way = turn % ways.length;
      const answer = await lookUp(ways[way]!.dial());
      if (answer !== undefined && answer !== status.UNAUTHENTICATED)
        throw new Error(`${ways[way]!.name} it was answered with ${status[answer]}`);
      counts[way]!.asked++;
      if (answer !== undefined) counts[way]!.told++;
    }
  };
  for (let i = 0; i < halfOpen; i++) {
    const socket = NO_SECURITY.dial(parseAddress(target.leader)!);
    socket.on('error', () => {});
    socket.write(HALF_A_HANDSHAKE);
    held.push(socket);
    if (i % 100 === 99) await sleep(10);
  }
  await Promise.all(Array.from({ length: AT_ONCE }, (_none, lane) => one(lane)));
  const said = ways.map(({ name }, i) => `${counts[i]!.asked} ${name} (${counts[i]!.told} were told why)`);
  return `${said.join(', ')}, all refused; ${halfOpen} handshakes begun and left`;
};

/** The status of the answer; undefined where the connection ended without one. */
async function lookUp(socket: Socket): Promise<status | undefined> {
  const session = http2.connect('http://rkv', { createConnection: () => socket });
  session.on('error', () => {});
  const call = openCall(session, '/rkvpb.RKV/Lookup');
  try {
    if (call === undefined) return undefined;
    call.end(grpcMessage(LookupRequest.encode({ key: 'stranger' }).finish()));
    const told = once(call, 'response').then(([headers]) => Number(headers['grpc-status'] ?? status.OK));
    const ended = once(call, 'close').then(() => undefined);
    return await Promise.race([
      told.catch(() => undefined),
      ended.catch(() => undefined),
      sleep(ANSWER_MS_MAX, undefined),
    ]);
  } finally {
    session.destroy();
    socket.destroy();
  }
}
