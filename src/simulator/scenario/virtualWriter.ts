import { ClientSession } from '../../client/clientSession.ts';
import type { LeaderChannel } from '../../client/leaderChannel.ts';
import type { CommandResult } from '../../client/pendingCommand.ts';
import type { ClientPort } from '../../scenarios/writers.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../../wire/command.ts';
import type { Surroundings } from '../surroundings.ts';
import { InvariantViolation } from '../violation.ts';
import type { Recorder } from '../virtualClient.ts';
import { FIRST_CLIENT, FIRST_EARLIER } from '../virtualNetwork.ts';
import type { VirtualServer } from '../virtualServer.ts';
import { VirtualTransport, virtualChannel } from '../virtualTransport.ts';

/** As the library gives writes up. */
const REQUEST_TIMEOUT_MS = 10_000;

/** A client of the production library with one session, for the writers of a scenario; all it does is in the history. */
export class VirtualWriter implements ClientPort {
  readonly number: number;
  private readonly around: Surroundings;
  private readonly history: Recorder;
  private readonly channel: LeaderChannel;
  private session: ClientSession | undefined;

  /** `opened` is called once it has its session. */
  constructor(
    number: number,
    around: Surroundings,
    servers: readonly VirtualServer[],
    history: Recorder,
    opened: () => void,
  ) {
    this.number = number;
    this.around = around;
    this.history = history;
    // Those beyond the network's places share them.
    const endpoint = FIRST_CLIENT + (number % (FIRST_EARLIER - FIRST_CLIENT));
    const transport = new VirtualTransport(around, endpoint, servers, around.random.fork(`writer ${number}`));
    this.channel = virtualChannel(around, transport, servers);
    const commandDone = (_tag: number, result: CommandResult) => {
      if (result.status !== 'ok') this.fail('its registration', result);
      this.session = new ClientSession(result.clientId, this.channel, {});
      opened();
    };
    this.channel.submit(REGISTER_BYTES, { commandDone }, 0, Number.POSITIVE_INFINITY);
  }

  insert(key: string, value: string, done: (isAcknowledged: boolean) => void): void {
    const { timeline } = this.around;
    const historyId = this.history.invoke(this.number, key, { kind: 'put', value }, timeline.nowUs);
    const commandDone = (_tag: number, result: CommandResult) => {
      if (result.status === 'ok') this.history.ok(historyId, undefined, timeline.nowUs);
      else if (result.status !== 'timeout') this.fail(`put ${key}`, result);
      else if (result.maybeDone) this.history.unknown(historyId, timeline.nowUs);
      else this.history.fail(historyId, timeline.nowUs);
      done(result.status === 'ok');
    };
    const deadlineMs = timeline.nowUs / 1000 + REQUEST_TIMEOUT_MS;
    this.session!.submitInsert(Buffer.from(key), Buffer.from(value), { commandDone }, 0, deadlineMs);
  }

  /** Never gives up. */
  lookUp(key: string, done: (value: string | undefined) => void): void {
    const { timeline } = this.around;
    const historyId = this.history.invoke(this.number, key, { kind: 'get' }, timeline.nowUs);
    const commandDone = (_tag: number, result: CommandResult) => {
      if (result.status !== 'ok') this.fail(`get ${key}`, result);
      this.history.ok(historyId, result.value, timeline.nowUs);
      done(result.value);
    };
    const command = encodeCommand({ type: CommandType.Lookup, key });
    this.channel.submit(command, { commandDone }, 0, Number.POSITIVE_INFINITY);
  }

  private fail(what: string, { status, detail }: CommandResult): never {
    throw new InvariantViolation(
      'acknowledged write',
      `writer ${this.number}: ${what} is answered ${status}: ${detail}`,
    );
  }
}
