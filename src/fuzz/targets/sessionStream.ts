import { EventEmitter } from 'node:events';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import type { SessionCall } from '../../server/service/sessionStream.ts';
import { SessionStream } from '../../server/service/sessionStream.ts';
import { CommandType, encodeCommand } from '../../wire/command.ts';
import { encodeFence } from '../../wire/fence.ts';
import {
  CommandBatchWriter,
  decodeCommandBatch,
  MalformedBatchError,
  readResultBatch,
} from '../../wire/sessionCodec.ts';
import { damagedBytes } from '../mutation.ts';
import { oneServer } from '../oneServer.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

const COMMAND_BYTES_MAX = 1 << 16;
/** A message of results holds a few more than this at most. */
const RESULT_BYTES_MAX = 512 * 1024;

type Step =
  | { readonly does: 'batch'; readonly bytes: Uint8Array }
  /** The replica has its turns, and the disk works. */
  | { readonly does: 'work' }
  /** The client takes what was written. */
  | { readonly does: 'read' }
  | { readonly does: 'reassure' }
  | { readonly does: 'note leader' }
  /** The client has no more to say. */
  | { readonly does: 'end' }
  | { readonly does: 'close' };

const key = fc.constantFrom('', 'a', 'b', '\ud800', 'k'.repeat(300));
const value = fc.oneof(
  { weight: 9, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constant('v'.repeat(40_000)) },
);
const command = fc.oneof(
  { weight: 2, arbitrary: fc.constant(new Uint8Array(0)) },
  {
    weight: 4,
    arbitrary: fc
      .record({ clientId: fc.nat(5), clientSeq: fc.nat(4), key, value })
      .map((of) => encodeCommand({ type: CommandType.Insert, ...of })),
  },
  { weight: 4, arbitrary: key.map((of) => encodeCommand({ type: CommandType.Lookup, key: of })) },
  { weight: 1, arbitrary: fc.nat(3).map((id) => encodeFence({ id, instance: 'f'.repeat(32) })) },
  { weight: 1, arbitrary: fc.constant(new Uint8Array(COMMAND_BYTES_MAX + 1)) },
);
const batch = fc.array(fc.tuple(fc.nat(9), damagedBytes(command)), { maxLength: 6 }).map((commands) => {
  const writer = new CommandBatchWriter();
  for (const [id, each] of commands) writer.add(id, each);
  return new Uint8Array(writer.finish());
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .oneof({ weight: 5, arbitrary: batch }, { weight: 1, arbitrary: damagedBytes(batch) })
      .map((bytes): Step => ({ does: 'batch', bytes })),
  },
  { weight: 6, arbitrary: fc.constantFrom<Step>({ does: 'work' }, { does: 'read' }) },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ does: 'reassure' }, { does: 'note leader' }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ does: 'end' }, { does: 'close' }) },
);

/** A client's call, as gRPC has it: nothing comes after its end, nor after an error. */
class Call extends EventEmitter implements SessionCall {
  readonly isInMessage = false;
  readonly results: number[] = [];
  isOver = false;
  ends = 0;
  private readonly waiting: (() => void)[] = [];
  private paused = false;

  constructor() {
    super();
    this.on('error', ({ code }: { code: status }) => {
      demand(code === status.INVALID_ARGUMENT, () => `a stream ends for what cannot be read: ${code}`);
      demand(!this.isOver, 'a stream ends once');
      this.isOver = true;
    });
  }

  write(message: Buffer, taken: () => void): void {
    demand(!this.isOver && this.ends === 0, 'nothing is written to a stream that has ended');
    demand(message.length < RESULT_BYTES_MAX, () => `results of ${message.length} bytes in a message`);
    readResultBatch(message, { result: (id) => this.results.push(id) });
    this.waiting.push(taken);
  }

  end(): void {
    demand(!this.isOver, 'a stream that has ended is not ended again');
    this.ends++;
  }

  readAll(): void {
    for (const taken of this.waiting.splice(0)) taken();
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
}

/** The server's end of a session, and the one server of a cluster behind it. */
function serve() {
  const due: (() => void)[] = [];
  const { server, work, facts } = oneServer(COMMAND_BYTES_MAX, (run) => due.push(run));
  const call = new Call();
  const stream = new SessionStream(call, { ...facts, replica: server.replica }, undefined);
  const flush = () => {
    while (due.length > 0) due.shift()!();
  };
  return { server, work, call, stream, flush };
}

/** As often as each number is there. */
const sorted = (numbers: readonly number[]): string => [...numbers].sort((a, b) => a - b).join();

export const SESSION_STREAM: FuzzTarget<readonly Step[]> = {
  name: 'session-stream',
  takes: "a client's session stream, up to the state machine",
  inputs: fc.array(step, { minLength: 1, maxLength: 16 }),
  check(steps) {
    const { server, work, call, stream, flush } = serve();
    const asked: number[] = [];
    let hasEnded = false;
    let isClosed = false;
    const does = {
      batch: (bytes: Uint8Array) => {
        if (hasEnded) return;
        if (call.isPaused()) call.readAll();
        demand(!call.isPaused(), 'whoever reads its results is read from');
        const ids = taken(() => decodeCommandBatch(bytes), MalformedBatchError)?.value.ids;
        asked.push(...(ids ?? []));
        call.emit('data', Buffer.from(bytes));
        demand(call.isOver === (ids === undefined), 'a stream ends where, and only where, what came cannot be read');
      },
      work,
      read: () => call.readAll(),
      reassure: () => stream.reassure(),
      'note leader': () => stream.noteLeader(),
      end: () => {
        if (hasEnded) return;
        hasEnded = true;
        call.emit('end');
      },
      close: () => {
        isClosed = true;
        call.emit('close');
      },
    };
    for (const each of steps) {
      if (call.isOver || isClosed) break;
      if (each.does === 'batch') does.batch(each.bytes);
      else does[each.does]();
      flush();
    }
    if (!call.isOver && !isClosed) {
      does.end();
      flush();
    }
    work();
    flush();
    call.readAll();
    demand(server.stateMachine.fences.size === 0, 'no client fences a server off');
    if (!call.isOver && !isClosed) {
      demand(call.ends === 1, () => `a stream whose client has ended it ends once: ${call.ends}`);
      demand(sorted(call.results) === sorted(asked), 'every command has one result');
    }
    return call.results.length > 0;
  },
};
