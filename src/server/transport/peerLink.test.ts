import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { writeVarint } from '../../bytes/varint.ts';
import { NO_SECURITY } from '../../net/endpoints/security.ts';
import { NO_FENCES } from '../../wire/fence.ts';
import { encodeHello, encodeWelcome } from '../../wire/peerCodec.ts';
import { encodeFrame, FrameKind, MalformedFrameError, sealFrame } from '../../wire/peerFrames.ts';
import { PEER_VERSIONS } from '../../wire/peerVersions.ts';
import { EARLIER_LIVES_MAX, type Introduction, introductionOf } from '../identity/identity.ts';
import type { IdentityFile } from '../identity/identityFile.ts';
import type { Log } from '../observe/log.ts';
import { AcceptedLink } from './acceptedLink.ts';
import { LargeMessage } from './largeMessage.ts';
import { Outbox } from './outbox.ts';
import { PeerLink } from './peerLink.ts';
import { CODEC, linked, MESSAGE_BYTES_MAX, member, RememberingLog, removeFolders, URGENT } from './testing/linked.ts';
import { RawPeer } from './testing/rawPeer.ts';

describe('a link to a peer', () => {
  let close = () => {};
  afterEach(() => close());

  it('messages of one turn that together pass the limit of a link ended the stream, and so did their repetition, for ever', async () => {
    const one = await linked();
    close = one.close;
    one.link.send(Array.from({ length: 9 }, (_, i) => new Uint8Array(3000).fill(i)));
    await one.until(() => one.received.length === 9);
    expect(one.received.map((bytes) => bytes[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(one.log.lines).toEqual([]);
  });

  it('one that was open went on being heard when another folder was admitted, and said hello by another way', async () => {
    const identity = member(1);
    const one = await linked(identity);
    close = one.close;
    one.link.send([Uint8Array.of(1)]);
    await one.until(() => one.received.length === 1);
    one.answerer.meet({ ...introductionOf(identity.identity), instance: 'f'.repeat(32), admitted: 9 });
    one.link.send([Uint8Array.of(2)]);
    await one.until(() => one.refusals.length > 0 || one.said.includes('gone'));
    expect(one.received.map((bytes) => bytes[0])).toEqual([1]);
  });

  it('went on to the process in whose place another was admitted, and told it what the other had asked for', async () => {
    const dialler = member(1);
    const one = await linked(dialler);
    close = one.close;
    one.link.send([Uint8Array.of(1)]);
    await one.until(() => one.received.length === 1);
    const other = { ...introductionOf(one.answerer.identity), instance: 'f'.repeat(32), admitted: 9 };
    expect(dialler.meet(other)).toBeUndefined();
    one.link.send([Uint8Array.of(2)]);
    await one.until(() => one.said.includes('gone'));
    // It is dialled again, and who answers is told nothing.
    const again = one.another(dialler);
    again.send([Uint8Array.of(3)]);
    await one.until(() => one.said.filter((what) => what === 'gone').length === 2);
    expect(one.received.map((bytes) => bytes[0])).toEqual([1]);
    expect(one.log.lines).toContainEqual(
      expect.stringContaining('refused to speak to a peer: server 1 knows server 2'),
    );
  });

  it('ends, and is not taken up, where the dialler’s log admits another folder', async () => {
    const dialler = member(1);
    const one = await linked(dialler);
    close = one.close;
    one.link.send([Uint8Array.of(1)]);
    await one.until(() => one.received.length === 1);
    one.ofDialler.fences = new Map([[2, { index: 5, instance: 'f'.repeat(32) }]]);
    one.link.send([Uint8Array.of(2)]);
    await one.until(() => one.said.includes('gone'));
    const again = one.another(dialler);
    again.send([Uint8Array.of(3)]);
    await one.until(() => one.said.filter((what) => what === 'gone').length === 2);
    expect(one.received.map((bytes) => bytes[0])).toEqual([1]);
    // The fence may be truncated.
    one.ofDialler.fences = NO_FENCES;
    one.another(dialler).send([Uint8Array.of(4)]);
    await one.until(() => one.received.length === 2);
    expect(one.received.map((bytes) => bytes[0])).toEqual([1, 4]);
  });

  it('is not heard, nor taken, from where a fence stands in the log that names another folder', async () => {
    const identity = member(1);
    const one = await linked(identity);
    close = one.close;
    one.link.send([Uint8Array.of(1)]);
    await one.until(() => one.received.length === 1);
    expect(one.counting.map((counts) => counts())).toEqual([true]);
    one.inForce.fences = new Map([[1, { index: 5, instance: 'f'.repeat(32) }]]);
    // Whoever kept what came before does not pass it on.
    expect(one.counting.map((counts) => counts())).toEqual([false]);
    one.link.send([Uint8Array.of(2)]);
    await one.until(() => one.said.includes('gone'));
    const again = one.another(identity);
    again.send([Uint8Array.of(3)]);
    await one.until(() => one.said.filter((what) => what === 'gone').length === 2);
    expect(one.received.map((bytes) => bytes[0])).toEqual([1]);
    // It is not told to stop: the fence may yet be truncated.
    expect(one.refusals).toEqual([]);
    one.inForce.fences = new Map([[1, { index: 5, instance: identity.identity.instance }]]);
    one.another(identity).send([Uint8Array.of(4)]);
    await one.until(() => one.received.length === 2);
  });

  it('a message above the limit of a link took the stream, and so the heartbeats, down with it', async () => {
    const one = await linked();
    close = one.close;
    one.link.send([Uint8Array.of(1), new Uint8Array(MESSAGE_BYTES_MAX + 1), Uint8Array.of(2)]);
    await one.until(() => one.received.length === 2);
    expect(one.received.map((bytes) => bytes[0])).toEqual([1, 2]);
    expect(one.log.lines).toEqual([expect.stringContaining('a link takes 8192')]);
  });

  it('heartbeats waited behind a large message', async () => {
    const largeBytes = 24 << 20;
    const one = await linked(member(1), member(2), largeBytes);
    close = one.close;
    one.link.send([new Uint8Array(largeBytes), Uint8Array.of(1), Uint8Array.of(URGENT, 1)]);
    await new Promise(setImmediate);
    one.link.send([Uint8Array.of(2), Uint8Array.of(URGENT, 2)]);
    await one.until(() => one.received.length === 5);
    expect(one.received.map(([first, second]) => [first, second])).toEqual([
      [URGENT, 1],
      [URGENT, 2],
      [0, 0],
      [1, undefined],
      [2, undefined],
    ]);
    expect(one.received[2]!.length).toBe(largeBytes);
  });

  it('messages said to several servers are encoded once', async () => {
    const one = await linked();
    close = one.close;
    const message = Uint8Array.of(1);
    const encoded = new Map([[message, Uint8Array.of(7)]]);
    one.link.send([message], encoded);
    await one.until(() => one.received.length === 1);
    expect(one.received).toEqual([Uint8Array.of(7)]);
  });

  it('a newer link of the same server takes the place of the one before', async () => {
    const one = await linked();
    close = one.close;
    one.link.send([Uint8Array.of(1)]);
    await one.until(() => one.received.length === 1);
    const again = member(1);
    again.change({ admitted: 7 });
    one.another(again).send([Uint8Array.of(2)]);
    await expect.poll(() => one.log.lines.join()).toContain('a newer link takes its place');
    await one.until(() => one.received.length === 2);
    expect(one.received.map(([first]) => first)).toEqual([1, 2]);
  });

  it('remembers whom it spoke to, and refuses another folder under that id, an older copy, another cluster and engine', async () => {
    const first = member(1);
    const one = await linked(first);
    close = one.close;
    one.link.send([Uint8Array.of(1)]);
    await one.until(() => one.received.length === 1);
    const { instance, boots, life } = first.identity;
    expect(one.answerer.identity.known.get(1)).toEqual({ instance, boots, life, admitted: 0, ran: true });
    const older = { ...first.identity, life: 'e'.repeat(16) };
    const strangers = [
      member(1),
      { identity: older } as IdentityFile,
      member(1, 'd'.repeat(32)),
      member(1, '', 'etcd'),
    ];
    for (const [i, stranger] of strangers.entries()) {
      one.another(stranger).send([Uint8Array.of(2)]);
      await one.until(() => one.refusals.length === i + 1);
    }
    expect(one.refusals).toEqual(['forgotten', 'older-copy', 'other-cluster', 'other-engine']);
    // A refusal is the last that was heard, so that it counts until the next attempt.
    expect(one.said).toEqual(['accepted', ...strangers.flatMap(() => ['gone', 'refused'])]);
    expect(one.received.length).toBe(1);
  });

  it('takes a folder that was admitted later, and not the earlier one any more', async () => {
    const first = member(1);
    const one = await linked(first);
    close = one.close;
    one.link.send([Uint8Array.of(1)]);
    await one.until(() => one.received.length === 1);
    const later = member(1);
    later.change({ admitted: 7 });
    one.another(later).send([Uint8Array.of(2)]);
    await one.until(() => one.received.length === 2);
    one.another(first).send([Uint8Array.of(3)]);
    await one.until(() => one.refusals.length === 1);
    expect(one.received.map((bytes) => bytes[0])).toEqual([1, 2]);
  });

  const asker = { ...introductionOf(member(1).identity), instance: 'f'.repeat(32), isMember: false };

  it('hears nothing from a server that is being admitted', async () => {
    const one = await linked();
    close = one.close;
    const shutOut = one.acceptor.shutOut(asker);
    one.link.send([Uint8Array.of(1)]);
    await expect.poll(() => one.log.lines.join()).toContain('is being admitted');
    shutOut.over();
    await expect
      .poll(() => {
        one.link.send([Uint8Array.of(2)]);
        return one.received.length;
      })
      .toBeGreaterThan(0);
    expect(one.received.every((bytes) => bytes[0] === 2)).toBe(true);
  });

  it('heard the earlier process of a server again once the state was sent, and hears only the admitted one', async () => {
    const earlier = member(1);
    const one = await linked(earlier);
    close = one.close;
    const shutOut = one.acceptor.shutOut(asker);
    shutOut.given(7);
    shutOut.over();
    // Another attempt that comes to nothing changes nothing.
    one.acceptor.shutOut(asker).over();
    one.link.send([Uint8Array.of(1)]);
    await expect.poll(() => one.log.lines.join()).toContain('is being admitted');
    expect(one.acceptor.isDeafTo(1)).toBe(true);
    expect(one.answerer.identity.known.size).toBe(0);
    const admitted = member(1);
    admitted.change({ admitted: 7 });
    one.another(admitted).send([Uint8Array.of(2)]);
    await one.until(() => one.received.length === 1);
    expect(one.acceptor.isDeafTo(1)).toBe(false);
    expect(one.received[0]).toEqual(Uint8Array.of(2));
  });

  it('speaks to no server of another cluster', async () => {
    const dialler = member(1, '');
    const one = await linked(dialler, member(2, 'd'.repeat(32)));
    close = one.close;
    const { identity } = dialler;
    one.addresses.put(1, () => identity);
    // Found out between its hello and the welcome.
    one.link.send([Uint8Array.of(1)]);
    dialler.change({ cluster: 'c'.repeat(32) });
    await expect.poll(() => one.log.lines.join()).toContain('refused to speak to a peer: server 2 is of cluster d');
  });
});

describe('what a stranger says on a link', () => {
  let close = () => {};
  afterEach(() => close());

  const hello = (claim: Introduction) => encodeHello({ from: 1, to: 2, engine: 'gorums', introduction: claim });
  const outbox = (...messages: readonly Uint8Array[]) => {
    const made = new Outbox();
    for (const message of messages) made.add(message, false);
    return made;
  };

  /** What he says of himself is what server 1 says. */
  async function met() {
    const server = member(1);
    const one = await linked(server);
    close = one.close;
    const stranger = await RawPeer.dial(one.address);
    return { ...one, stranger, greeting: hello(introductionOf(server.identity)), server };
  }

  async function said(frames: (greeting: Buffer) => readonly Uint8Array[]) {
    const { stranger, greeting, ...one } = await met();
    stranger.say(...frames(greeting));
    return { ...one, refusal: await stranger.ended };
  }

  it('is taken only after a hello, and nothing that could fill memory before it', async () => {
    const message = Buffer.concat(outbox(Uint8Array.of(1)).nextOrdered()!);
    const { refusal, received } = await said(() => [message]);
    expect(refusal).toEqual({ code: 3, details: "a peer's first frame must say hello", reason: '' });
    expect(received).toEqual([]);
    close();
    const long = await said(() => [encodeFrame(FrameKind.Hello, Buffer.alloc(9000))]);
    expect(long.refusal).toEqual({ code: 3, details: 'a frame of 9000 bytes, expected at most 8192', reason: '' });
  });

  it('ends the link where no correct server says it, and what came before is heard', async () => {
    const good = Buffer.concat(outbox(Uint8Array.of(1)).nextOrdered()!);
    for (const [bad, details] of [
      [encodeWelcome({ introduction: undefined }), 'a frame of kind 2, which a dialler does not send there'],
      [hello(introductionOf(member(1).identity)), 'a frame of kind 1, which a dialler does not send there'],
      [encodeFrame(FrameKind.LargeMore, Buffer.alloc(3)), 'more of a message that has not begun'],
      [
        Buffer.concat(outbox(new Uint8Array(1 << 20)).nextOrdered()!),
        'a message of 1048576 bytes, expected at most 8192',
      ],
      [
        encodeFrame(FrameKind.Messages, Buffer.of(9, 1)),
        'not messages: malformed at byte 1: a field of 9 bytes in 1 bytes',
      ],
    ] as const) {
      const { refusal, received } = await said((greeting) => [greeting, good, bad, good]);
      expect(refusal).toEqual({ code: 3, details, reason: '' });
      expect(received).toEqual([Uint8Array.of(1)]);
      close();
    }
  });

  it('was answered Ping by Ping: a flood of them kept the server from all others', async () => {
    const { stranger, greeting } = await met();
    const ping = encodeFrame(FrameKind.Ping, new Uint8Array(0));
    stranger.say(greeting);
    await stranger.answer;
    const welcomeBytes = stranger.socket.bytesRead;
    stranger.say(...Array.from({ length: 10_000 }, () => ping), encodeFrame(FrameKind.Pong, new Uint8Array(0)));
    await stranger.ended;
    expect(stranger.socket.bytesRead - welcomeBytes).toBeGreaterThan(0);
    expect(stranger.socket.bytesRead - welcomeBytes).toBeLessThan(100 * ping.length);
  });

  it('of a group that is not served here is left out, and ended the link', async () => {
    const { stranger: peer, greeting, ...one } = await met();
    const ofGroup = (group: number, frame: Buffer) => {
      frame.writeUInt32BE(group, 8);
      return sealFrame(frame);
    };
    peer.say(greeting);
    peer.say(ofGroup(7, encodeFrame(FrameKind.Messages, Buffer.from([1, 1]))));
    peer.say(ofGroup(7, encodeFrame(FrameKind.LargeBegin, Buffer.from([200, 1, 1]))));
    peer.say(encodeFrame(FrameKind.Messages, Buffer.from([1, 2])));
    peer.say(ofGroup(7, encodeFrame(FrameKind.LargeMore, Buffer.from([1, 1]))));
    peer.say(encodeFrame(FrameKind.Messages, Buffer.from([1, 3])));
    await one.until(() => one.received.length === 2);
    expect(one.received).toEqual([Uint8Array.of(2), Uint8Array.of(3)]);
    expect(one.log.lines.join()).toContain('its group is not served here');
    peer.close();
  });

  it('is not answered without end where the answers are not read', async () => {
    const [near, far] = duplexPair();
    const socket = Object.assign(far, { setNoDelay: () => {} }) as unknown as Socket;
    const options = {
      maxMessageBytes: 1,
      weigh: (_hello: unknown, then: () => void) => then(),
      greet: () => ({ welcome: encodeWelcome({ introduction: undefined }), version: 6 }),
    };
    new AcceptedLink(socket, {
      ...options,
      receive: () => {},
      strange: () => {},
      grew: () => {},
      refused: () => {},
      closed: () => {},
    });
    near.write(hello(introductionOf(member(1).identity)));
    for (let i = 0; i < 10_000 && !far.destroyed; i++) {
      near.write(encodeFrame(FrameKind.Ping, new Uint8Array(0)));
      await new Promise(setImmediate);
    }
    expect(far.destroyed).toBe(true);
  });

  it.each([
    ['was admitted at index 2^52', () => ({ admitted: 2 ** 52 })],
    ['has another folder, which was', () => ({ admitted: 2 ** 52, instance: 'f'.repeat(32) })],
    [
      'started 2^52 times',
      ({ life }: Introduction) => ({ boots: 2 ** 52, life: 'e'.repeat(16), earlierLives: [life] }),
    ],
    [
      'started so often that no earlier start is named',
      () => ({ boots: 2 ** 52, life: 'e'.repeat(16), earlierLives: Array(EARLIER_LIVES_MAX).fill('d'.repeat(16)) }),
    ],
  ])('under the name of a server, that it %s, kept that server out for good', async (_what, forge) => {
    const { stranger, server, address, link, ...one } = await met();
    link.send([Uint8Array.of(1)]);
    await one.until(() => one.received.length === 1);
    const { known } = one.answerer.identity;
    const truth = introductionOf(server.identity);
    stranger.say(hello({ ...truth, ...forge(truth) }));
    expect(await stranger.ended).toEqual({
      code: 14,
      details: expect.stringContaining('did not hear the same'),
      reason: '',
    });
    expect(one.answerer.identity.known).toBe(known);
    expect(one.addresses.asked).toEqual([1, 1]);
    // What is known takes no question.
    one.another(server).send([Uint8Array.of(2)]);
    await one.until(() => one.received.length === 2);
    expect(one.addresses.asked).toEqual([1, 1]);
    expect(one.refusals).toEqual([]);
  });

  it('waits with all that follows it until the server was asked', async () => {
    const { stranger, greeting, server, ...one } = await met();
    let answer: (() => void) | undefined;
    const { ask } = one.addresses;
    one.addresses.ask = (...question) => {
      answer = () => ask(...question);
    };
    stranger.say(greeting, ...outbox(Uint8Array.of(1)).nextOrdered()!);
    stranger.say(...outbox(Uint8Array.of(2)).nextOrdered()!);
    await expect.poll(() => answer).toBeDefined();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(one.received).toEqual([]);
    answer!();
    await one.until(() => one.received.length === 2);
    expect(one.received).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(one.answerer.identity.known.get(1)).toMatchObject({ life: server.identity.life });
    stranger.close();
  });

  it('ended the process with a message for which there was no memory', () => {
    const large = new LargeMessage(Number.MAX_SAFE_INTEGER);
    const begin = new Uint8Array(16);
    const lengthBytes = writeVarint(begin, 0, 2 ** 52);
    expect(() => large.begin(begin.subarray(0, lengthBytes + 1))).toThrow(MalformedFrameError);
    expect(large.heldBytes).toBe(0);
  });
});

describe('what does not know links', () => {
  it.each([
    ['speaks HTTP/2', (socket: Socket) => socket.write(Buffer.from('000000040000000000', 'hex'))],
    ['hangs up', (socket: Socket) => socket.destroy()],
  ])('is told from one that does, and is not asked again at once: it %s', async (_name, answer) => {
    const server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const log = new RememberingLog();
    const dialler = member(1);
    try {
      await new Promise<void>((resolve) => {
        const link = new PeerLink<Uint8Array>({
          self: 1,
          peer: 2,
          speaks: PEER_VERSIONS,
          address: { host: '127.0.0.1', port },
          security: NO_SECURITY,
          identity: dialler,
          codec: CODEC,
          maxMessageBytes: MESSAGE_BYTES_MAX,
          log: log as unknown as Log,
          counts: () => true,
          accepted: () => {},
          gone: () => {},
          refused: () => {},
          notUnderstood: () => {
            link.close();
            resolve();
          },
        });
        link.send([Uint8Array.of(1)]);
      });
      expect(log.lines).toEqual([expect.stringContaining('peer is out of reach')]);
    } finally {
      server.close();
      removeFolders();
    }
  });
});
