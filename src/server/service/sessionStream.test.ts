import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { encodeCommand, REGISTER_BYTES } from '../../wire/command.ts';
import { encodeFence, mayBeFence } from '../../wire/fence.ts';
import { ResultStatus } from '../../wire/generated/rkv.ts';
import { SESSION_WINDOW } from '../../wire/limits.ts';
import { CommandBatchWriter, readResultBatch } from '../../wire/sessionCodec.ts';
import type { Connection } from '../admission/connection.ts';
import type { CommandSink } from '../host/outcomes.ts';
import { ServerMetrics } from '../observe/metrics.ts';
import { LOOKUP_WAITING_BYTES_MAX, type SessionContext, SessionStream } from './sessionStream.ts';

/** A client's call; what is written waits until the test lets it go. */
class Call extends EventEmitter {
  readonly written: Buffer[] = [];
  readonly flushed: (() => void)[] = [];
  paused = false;
  ended = false;
  isInMessage = false;
  write(bytes: Buffer, done: () => void = () => {}): boolean {
    this.written.push(bytes);
    this.flushed.push(done);
    return this.flushed.length < 16;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  isPaused(): boolean {
    return this.paused;
  }
  readAll(): void {
    for (const done of this.flushed.splice(0)) done();
  }
  end(): void {
    this.ended = true;
  }
}

function session(connection?: Pick<Connection, 'mayRegister'>) {
  const call = new Call();
  const open: { sink: CommandSink; tag: number }[] = [];
  const submitted: Uint8Array[] = [];
  const replica = {
    lookup: (_key: string, sink: CommandSink, tag: number) => open.push({ sink, tag }),
    submit: (command: Uint8Array) => submitted.push(command),
  };
  const context = {
    replica,
    metrics: new ServerMetrics(),
    door: { mayHold: () => true },
    commandBytesMax: 1 << 20,
    nowUs: () => 0,
    leader: () => ({ id: 1, address: 'here' }),
    sessions: new Set(),
    soon: queueMicrotask,
  };
  const stream = new SessionStream(call, context as unknown as SessionContext, connection as Connection | undefined);
  const ask = (count: number) => {
    const batch = new CommandBatchWriter();
    for (let id = 0; id < count; id++) batch.add(id, encodeCommand({ type: 2, key: 'k' }));
    call.emit('data', batch.finish());
  };
  const answer = (value: string) => {
    const bytes = Buffer.from(value);
    for (const { sink, tag } of open.splice(0)) sink.lookupDone(tag, { status: 'ok', value: bytes });
  };
  const statuses = () => {
    const found: ResultStatus[] = [];
    for (const bytes of call.written) readResultBatch(bytes, { result: (_id, status) => found.push(status) });
    return found;
  };
  return { call, stream, ask, answer, statuses, submitted };
}

const MIB = 'x'.repeat(1 << 20);

describe('a session stream', () => {
  it('says first how much it takes', async () => {
    const { call } = session();
    await Promise.resolve();
    const { window, commandBytesMax } = readResultBatch(call.written[0]!, { result: () => expect.unreachable() });
    expect([window, commandBytesMax]).toEqual([SESSION_WINDOW, 1 << 20]);
  });

  it('does not let a client fence a server off: what stands around a command stays outside the log', () => {
    const { call, submitted } = session();
    const fence = encodeFence({ id: 2, instance: 'a' });
    const insert = encodeCommand({ type: 1, clientId: 5, clientSeq: 1, key: 'k', value: 'v' });
    const batch = new CommandBatchWriter();
    batch.add(0, fence);
    batch.add(1, Uint8Array.of(...fence, ...insert));
    batch.add(2, Uint8Array.of(0x08, 0, ...fence));
    call.emit('data', batch.finish());
    expect(submitted.slice(0, 2)).toEqual([REGISTER_BYTES, insert]);
    expect(submitted.map(mayBeFence)).toEqual([false, false, false]);
  });

  it('refuses a connection’s registrations, in whatever form, once it has no more of them', async () => {
    let left = 1;
    const { call, statuses, submitted } = session({ mayRegister: () => left-- > 0 });
    const batch = new CommandBatchWriter();
    const insert = encodeCommand({ type: 1, clientId: 5, clientSeq: 1, key: 'k', value: 'v' });
    const forms = [REGISTER_BYTES, REGISTER_BYTES, Uint8Array.of(0x08, 0), Uint8Array.of(0x12, 0), insert];
    for (const [id, command] of forms.entries()) batch.add(id, command);
    call.emit('data', batch.finish());
    await Promise.resolve();
    expect(statuses()).toEqual(Array.from({ length: 3 }, () => ResultStatus.RESULT_OVERLOADED));
    expect(submitted).toEqual([REGISTER_BYTES, insert]);
  });

  it('a server that took its time was taken for dead: it was sent large values again and again', async () => {
    const { call, stream, ask, answer } = session();
    const turn = async () => {
      stream.reassure();
      await Promise.resolve();
      const leaders = call.written.splice(0).map((bytes) => readResultBatch(bytes, { result: () => {} }).leader);
      call.readAll();
      return leaders;
    };
    await Promise.resolve();
    await turn();
    expect(await turn()).toEqual([]);
    call.isInMessage = true;
    expect(await turn()).toEqual([1]);
    // What was just written says as much.
    expect(await turn()).toEqual([]);
    call.isInMessage = false;
    ask(1);
    expect(await turn()).toEqual([1]);
    answer('v');
    expect(await turn()).toHaveLength(1);
    expect(await turn()).toEqual([]);
    expect(await turn()).toEqual([]);
    // A client that does not read is not told more.
    ask(1);
    stream.reassure();
    await Promise.resolve();
    stream.reassure();
    await Promise.resolve();
    stream.reassure();
    await Promise.resolve();
    expect(call.written).toHaveLength(1);
  });

  it('results of one turn left as one message however large, which no client could take', async () => {
    const { call, ask, answer, statuses } = session();
    ask(8);
    answer(MIB);
    await Promise.resolve();
    expect(statuses()).toEqual(Array(8).fill(ResultStatus.RESULT_OK));
    expect(Math.max(...call.written.map((bytes) => bytes.length))).toBeLessThan(2 * MIB.length);
    expect(call.ended).toBe(false);
  });

  it('ends once all is answered, though the last result left before its turn was over', async () => {
    const { call, ask, answer } = session();
    ask(1);
    call.emit('end');
    await Promise.resolve();
    expect(call.ended).toBe(false);
    answer(MIB);
    await Promise.resolve();
    expect(call.ended).toBe(true);
  });

  it('a client that did not read its results was read from all the same: messages were counted, not bytes', async () => {
    const { call, ask, answer } = session();
    ask(4);
    answer(MIB);
    await Promise.resolve();
    expect(call.paused).toBe(true);
    call.readAll();
    expect(call.paused).toBe(false);
  });

  it('lookups of large values took memory without bound where the client did not read', async () => {
    const { ask, answer, statuses } = session();
    ask(100);
    answer(MIB);
    await Promise.resolve();
    const found = statuses();
    expect(found).toHaveLength(100);
    const answered = found.filter((status) => status === ResultStatus.RESULT_OK).length;
    expect(answered).toBe(LOOKUP_WAITING_BYTES_MAX / MIB.length);
    expect(found[99]).toBe(ResultStatus.RESULT_OVERLOADED);
  });
});
