import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { NO_SECURITY } from '../../net/endpoints/security.ts';
import { encodeHello, encodeRefusal, encodeWelcome } from '../../wire/peerCodec.ts';
import { encodeFrame, encodePing, FrameKind, PEER_PREFACE } from '../../wire/peerFrames.ts';
import { OTHER_VERSION, type VersionRange } from '../../wire/peerVersions.ts';
import { introductionOf } from '../identity/identity.ts';
import type { Log } from '../observe/log.ts';
import { PeerLink } from './peerLink.ts';
import { CODEC, linked, MESSAGE_BYTES_MAX, member, RememberingLog, removeFolders } from './testing/linked.ts';
import { RawPeer } from './testing/rawPeer.ts';

const NOTHING = new Uint8Array(0);
const OLD: VersionRange = { oldest: 6, newest: 6 };
const NEW: VersionRange = { oldest: 6, newest: 7 };
const NEXT: VersionRange = { oldest: 7, newest: 8 };

let close = () => {};
afterEach(() => close());

describe('a link between servers of different versions', () => {
  it.each([
    [OLD, OLD, 6],
    [OLD, NEW, 6],
    [NEW, OLD, 6],
    [NEW, NEW, 7],
    [NEW, NEXT, 7],
    [NEXT, NEW, 7],
    [NEXT, NEXT, 8],
  ])('of %o and %o has version %i, and uses what that one has', async (dialler, acceptor, version) => {
    const one = await linked(member(1), member(2), 1 << 20, [dialler, acceptor]);
    close = one.close;
    one.link.send([Uint8Array.of(1), new Uint8Array(100_000), Uint8Array.of(2)]);
    await one.until(() => one.received.length === 3);
    expect(one.received.map(({ length }) => length)).toEqual([1, 100_000, 1]);
    expect(one.link.facts).toMatchObject({ peer: 2, speaks: acceptor, version });
    if (version < 7) expect(one.link.facts.roundTripMs).toBeUndefined();
    else await expect.poll(() => one.link.facts.roundTripMs).toBeGreaterThan(0);
    expect(one.log.lines).toEqual([]);
  });

  it.each([
    ['newer', NEXT, OLD, 'server 1 speaks peer protocol 7 to 8; server 2 speaks 6'],
    ['older', OLD, NEXT, 'server 1 speaks peer protocol 6; server 2 speaks 7 to 8'],
  ])('is refused by name where the dialler is too much %s, and nothing is said on it', async (_word, ...rest) => {
    const [dialler, acceptor, words] = rest;
    const one = await linked(member(1), member(2), MESSAGE_BYTES_MAX, [dialler, acceptor]);
    close = one.close;
    one.link.send([Uint8Array.of(1)]);
    await one.until(() => one.said.includes('gone'));
    expect(one.log.lines).toContainEqual(`peer refuses us: ${words}`);
    expect(one.log.lines).toContainEqual(`refused a peer's link: ${words}`);
    expect(one.received).toEqual([]);
    // It is nothing that a server ends for.
    expect(one.refusals).toEqual([]);
    expect(one.answerer.identity.known.size).toBe(0);
    expect(one.link.facts).toEqual({ peer: 2, speaks: undefined, version: undefined, roundTripMs: undefined });
  });

  it('has another version after a server was started again with another build, up and down', async () => {
    const identity = member(1);
    const one = await linked(identity, member(2), MESSAGE_BYTES_MAX, [OLD, NEW]);
    close = one.close;
    const links = [OLD, NEW, OLD].map((speaks) => one.another(identity, speaks));
    for (const [i, link] of links.entries()) {
      link.send([Uint8Array.of(i)]);
      await one.until(() => one.received.length === i + 1);
    }
    expect(links.map(({ facts }) => facts.version).at(-1)).toBe(6);
    expect(one.received).toEqual([0, 1, 2].map((i) => Uint8Array.of(i)));
  });
});

describe('what a dialler says of versions', () => {
  /** Says hello in the name of server 1 to one that speaks NEW, and then `frames`. */
  async function said(speaks: VersionRange, ...frames: readonly Uint8Array[]) {
    const server = member(1);
    const one = await linked(server, member(2), MESSAGE_BYTES_MAX, [NEW, NEW]);
    close = one.close;
    one.addresses.put(1, () => server.identity);
    const stranger = await RawPeer.dial(one.address);
    const introduction = introductionOf(server.identity);
    stranger.version = speaks.newest;
    stranger.say(encodeHello({ from: 1, to: 2, engine: 'gorums', introduction }, speaks));
    if (frames.length > 0) await stranger.answer;
    stranger.say(...frames);
    return { ...one, stranger };
  }

  it.each([
    [{ oldest: 8, newest: 7 }, '8 to 7, which is no range'],
    [{ oldest: 0, newest: 7 }, '0 to 7, which is no range'],
    [{ oldest: 6, newest: 256 }, '6 to 256, which is no range'],
    [{ oldest: 5, newest: 5 }, '5'],
    [{ oldest: 9, newest: 12 }, '9 to 12'],
  ])('is refused where it is %o', async (speaks, words) => {
    const { stranger, answerer } = await said(speaks);
    const details = `server 1 speaks peer protocol ${words}; server 2 speaks 6 to 7`;
    expect(await stranger.ended).toEqual({ code: 9, details, reason: OTHER_VERSION });
    expect(answerer.identity.known.size).toBe(0);
  });

  it('binds it: frames of another version end the link', async () => {
    const message = Buffer.from([1, 1]);
    const { stranger, received } = await said(
      NEW,
      encodeFrame(FrameKind.Messages, message, 7),
      encodeFrame(FrameKind.Messages, message, 6),
    );
    const details = 'a frame of peer protocol version 6, expected 7';
    expect(await stranger.ended).toEqual({ code: 3, details, reason: '' });
    expect(received).toEqual([Uint8Array.of(1)]);
  });

  it('is no leave to go on before it is welcomed, but for one that speaks the oldest alone', async () => {
    const message = encodeFrame(FrameKind.Messages, Buffer.from([1, 1]));
    const identity = member(1);
    const one = await linked(identity, member(2), MESSAGE_BYTES_MAX, [NEW, NEW]);
    close = one.close;
    one.addresses.put(1, () => identity.identity);
    const introduction = introductionOf(identity.identity);
    const hello = (speaks: VersionRange) => encodeHello({ from: 1, to: 2, engine: 'gorums', introduction }, speaks);
    // Server 1 is asked the first time, and known from then on.
    for (const _ of [1, 2]) {
      const stranger = await RawPeer.dial(one.address);
      stranger.version = 7;
      stranger.say(hello(NEW), message);
      const details = 'a frame of peer protocol version 6, expected 7';
      expect(await stranger.ended).toEqual({ code: 3, details, reason: '' });
    }
    expect(one.received).toEqual([]);
    const old = await RawPeer.dial(one.address);
    old.say(hello(OLD), message);
    await one.until(() => one.received.length === 1);
    old.close();
  });

  it('decides what pongs are like: the last of several pings is named, or none', async () => {
    const pings = [5, 6, 7].map((name) => encodePing(FrameKind.Ping, name, 7));
    const { stranger } = await said(NEW, ...pings);
    await expect.poll(() => stranger.frames.length).toBeGreaterThan(1);
    expect(stranger.frames.at(-1)).toEqual({ kind: FrameKind.Pong, payload: Uint8Array.of(0, 0, 0, 7) });
    stranger.say(encodeFrame(FrameKind.Ping, Buffer.alloc(3), 7));
    const details = 'the name of a ping has 3 bytes, expected 4';
    expect(await stranger.ended).toEqual({ code: 3, details, reason: '' });
    close();
    const old = await said(OLD, encodeFrame(FrameKind.Ping, new Uint8Array(0)));
    await expect.poll(() => old.stranger.frames.length).toBe(2);
    expect(old.stranger.frames.at(-1)).toEqual({ kind: FrameKind.Pong, payload: new Uint8Array(0) });
    old.stranger.close();
  });

  it('is read or refused wherever a hello is cut, and however many pieces it comes in', async () => {
    const identity = member(1);
    const one = await linked(identity, member(2), MESSAGE_BYTES_MAX, [NEW, NEW]);
    close = one.close;
    one.addresses.put(1, () => identity.identity);
    const introduction = introductionOf(identity.identity);
    const hello = encodeHello({ from: 1, to: 2, engine: 'gorums', introduction }, NEW);
    await fc.assert(
      fc.asyncProperty(fc.nat(hello.length - 1), fc.boolean(), async (cut, goesOn) => {
        const stranger = await RawPeer.dial(one.address);
        stranger.say(hello.subarray(0, cut));
        await new Promise(setImmediate);
        if (goesOn) {
          stranger.say(hello.subarray(cut));
          expect(await stranger.answer).toBe(FrameKind.Welcome);
        } else {
          stranger.socket.end();
          expect(await stranger.answer).toBeUndefined();
        }
        stranger.close();
      }),
      { numRuns: 20 },
    );
  });
});

describe('what an acceptor says of versions', () => {
  /** Server 2 answers the hello of one that speaks NEW so. */
  async function answered(answer: (identity: ReturnType<typeof introductionOf>) => readonly Uint8Array[]) {
    const acceptor = member(2);
    const server = createServer((socket: Socket) => {
      socket.on('error', () => {});
      socket.once('data', () =>
        socket.write(Buffer.concat([PEER_PREFACE, ...answer(introductionOf(acceptor.identity))])),
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const log = new RememberingLog();
    let ended = () => {};
    const isGone = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const link = new PeerLink<Uint8Array>({
      self: 1,
      peer: 2,
      speaks: NEW,
      address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
      security: NO_SECURITY,
      identity: member(1),
      codec: CODEC,
      maxMessageBytes: MESSAGE_BYTES_MAX,
      log: log as unknown as Log,
      counts: () => true,
      accepted: () => {},
      gone: ended,
      refused: () => {},
      notUnderstood: () => {},
    });
    close = () => {
      link.close();
      server.close();
      removeFolders();
    };
    link.send([Uint8Array.of(1)]);
    return { link, log, isGone };
  }

  it.each([
    [{ oldest: 8, newest: 9 }, '8 to 9'],
    [{ oldest: 8, newest: 7 }, '8 to 7, which is no range'],
  ])('ends the link where it is %o', async (speaks, words) => {
    const { link, log, isGone } = await answered((introduction) => [encodeWelcome({ introduction }, speaks)]);
    await isGone;
    const why = `server 2 speaks peer protocol ${words}; server 1 speaks 6 to 7`;
    expect(log.lines).toEqual([`refused to speak to a peer: ${why}`]);
    expect(link.facts.version).toBeUndefined();
  });

  it('binds it: frames of another version end the link, and so does a pong without its name', async () => {
    for (const [frame, why] of [
      [encodeFrame(FrameKind.Pong, Buffer.alloc(4), 6), 'a frame of peer protocol version 6, expected 7'],
      [encodeFrame(FrameKind.Pong, Buffer.alloc(0), 7), 'the name of a ping has 0 bytes, expected 4'],
    ] as const) {
      const { log, isGone } = await answered((introduction) => [encodeWelcome({ introduction }, NEW), frame]);
      await isGone;
      expect(log.lines).toEqual([`peer is out of reach: ${why}`]);
      close();
    }
  });

  it('leaves it its whole time for the first ping, however late the welcome was', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    let connected = () => {};
    const isConnected = new Promise<void>((resolve) => {
      connected = resolve;
    });
    const { link, log, isGone } = await answered((introduction) => {
      vi.advanceTimersByTime(4900);
      connected();
      return [encodeWelcome({ introduction }, NEW)];
    });
    await isConnected;
    await expect.poll(() => link.facts.version).toBe(7);
    vi.advanceTimersByTime(4900);
    expect(link.facts.version).toBe(7);
    vi.advanceTimersByTime(200);
    await isGone;
    expect(log.lines).toEqual(['peer is out of reach: it does not answer for 5 s']);
  });

  it('counts until it refuses our versions, and a pong that names no ping of ours tells no time', async () => {
    let answers = 0;
    const { link, isGone } = await answered((introduction) => {
      if (answers++ > 0) return [encodeRefusal({ code: 9, details: 'another build by now', reason: OTHER_VERSION })];
      return [
        encodeWelcome({ introduction }, NEW),
        encodePing(FrameKind.Pong, 99, 7),
        encodeFrame(FrameKind.Hello, NOTHING, 7),
      ];
    });
    await isGone;
    const facts = { peer: 2, speaks: NEW, version: undefined, roundTripMs: undefined };
    expect(link.facts).toEqual(facts);
    await expect
      .poll(() => {
        link.send([Uint8Array.of(1)]);
        return link.facts;
      })
      .toEqual({ ...facts, speaks: undefined });
  });
});
