import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { rawMethod } from '../../wire/rawMethod.ts';
import { type CallRefusal, RawConnection } from './rawConnection.ts';

const ECHO = '/test.Test/Echo';
const LARGE_BYTES = 1 << 20;

let server: Server | undefined;
let connection: RawConnection | undefined;
afterEach(() => {
  connection?.close();
  server?.forceShutdown();
});

/** A server that answers what it is asked, but for what begins with `no`. */
async function open(lost?: () => void): Promise<RawConnection> {
  server = new Server({ 'grpc.max_receive_message_length': 2 * LARGE_BYTES });
  server.addService(
    { Echo: rawMethod(ECHO) },
    {
      Echo: (call: { request: Buffer }, done: (error: object | null, answer?: Buffer) => void) => {
        const { request } = call;
        if (request.toString('utf8', 0, 2) !== 'no') done(null, request);
        else done({ code: status.RESOURCE_EXHAUSTED, details: 'too much' });
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server!.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  connection = new RawConnection({ host: '127.0.0.1', port }, lost);
  return connection;
}

function ask(to: RawConnection, message: Buffer) {
  return new Promise<{ answer: Buffer | undefined; refusal: CallRefusal | undefined; hasLeft: boolean }>((resolve) => {
    let hasLeft = false;
    to.call(ECHO, message, {
      left: () => {
        hasLeft = true;
      },
      finished: (answer, refusal) => resolve({ answer: answer && Buffer.from(answer), refusal, hasLeft }),
    });
  });
}

describe('RawConnection', () => {
  it('brings answers, of messages in one frame and in many, in any mixture', async () => {
    const to = await open();
    const messages = [10, LARGE_BYTES, 0, 16_384, 65_536, 16_379, LARGE_BYTES, 1].map((bytes, at) =>
      Buffer.alloc(bytes, `message ${at} `),
    );
    const answers = await Promise.all(messages.map((message) => ask(to, message)));
    expect(answers.every(({ answer }, at) => answer!.equals(messages[at]!))).toBe(true);
    expect(to.open).toBe(0);
  });

  it("says why a call was refused, by gRPC's code", async () => {
    const refused = await ask(await open(), Buffer.from('no'));
    expect(refused).toEqual({
      answer: undefined,
      refusal: { code: status.RESOURCE_EXHAUSTED, details: 'too much' },
      hasLeft: true,
    });
  });

  it('tells of calls that a lost connection had, and of those after it that they never left', async () => {
    let lost = 0;
    const to = await open(() => lost++);
    await ask(to, Buffer.from('yes'));
    server!.forceShutdown();
    await expect.poll(() => to.closed).toBe(true);
    expect(await ask(to, Buffer.from('yes'))).toEqual({ answer: undefined, refusal: undefined, hasLeft: false });
    expect(lost).toBe(1);
  });
});
