import type { ClientEnvironment } from '../client/environment.ts';
import { LeaderChannel } from '../client/leaderChannel.ts';
import { SessionStream } from '../client/sessionStream.ts';
import type { LinkListener, Transport } from '../client/transport.ts';
import { REASSURE_MS } from '../server/service/sessionStream.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import { VirtualCall } from './virtualCall.ts';
import type { VirtualServer } from './virtualServer.ts';
import { addressOf, COMMAND_BYTES_MAX, serverAt } from './virtualSessions.ts';

/** The production client's clock and chance, in virtual time. Machines of clients have true clocks. */
function virtualEnvironment({ timeline }: Surroundings, random: Random): ClientEnvironment {
  return {
    nowMs: () => timeline.nowUs / 1000,
    random: random.next,
    soon: (turn) => void timeline.after(1, turn),
    after: (delayMs, turn) => {
      const event = timeline.after(delayMs * 1000, turn);
      return () => {
        event.run = undefined;
      };
    },
  };
}

/** How the production client reaches virtual servers: production session streams on virtual calls. */
export class VirtualTransport implements Pick<Transport, 'open'> {
  readonly environment: ClientEnvironment;
  private readonly around: Surroundings;
  private readonly endpoint: number;
  private readonly servers: readonly VirtualServer[];
  private calls: VirtualCall[] = [];

  /** `random` is for the library. */
  constructor(around: Surroundings, endpoint: number, servers: readonly VirtualServer[], random: Random) {
    this.around = around;
    this.endpoint = endpoint;
    this.environment = virtualEnvironment(around, random);
    this.servers = servers;
  }

  /** The client's connections that are there, as far as both ends know. */
  get openCalls(): readonly VirtualCall[] {
    this.calls = this.calls.filter(({ isOpen }) => isOpen);
    return this.calls;
  }

  open(address: string, listener: LinkListener): SessionStream {
    const server = this.servers[serverAt(address) - 1];
    if (server === undefined) {
      throw new InvariantViolation('no exception', `client ${this.endpoint} asks for ${address}, where no server is`);
    }
    this.around.trace.note(`client ${this.endpoint}`, 'connect', () => address);
    const call = new VirtualCall(this.around, this.endpoint, server);
    this.calls.push(call);
    const channel = this.around.mutation.channel?.(listener) ?? listener;
    const told: LinkListener = {
      linkReady: (link) => channel.linkReady(link),
      linkResult: (...result) => channel.linkResult(...result),
      linkBatchDone: (link, hint) => channel.linkBatchDone(link, hint),
      linkClosed: (link, reason) => {
        // The client would only go elsewhere.
        if (reason.end === 'nonsense') {
          throw new InvariantViolation('no exception', `client ${this.endpoint}: ${address}: ${reason.message}`);
        }
        channel.linkClosed(link, reason);
      },
    };
    return new SessionStream(address, call.client, () => {}, told, this.environment);
  }
}

/**
 * A server that says nothing is left after so many attempts' time of the plan, but not before it had to say something: clients that
 * leave a busy one sooner ask the others for everything again, and then this one, and keep a small cluster busy with that alone.
 */
const STALL_ATTEMPTS = 2;
const STALL_MS_MIN = 2 * REASSURE_MS;
/** The library's own defaults. */
const BACKOFF_MS = { backoffMinMs: 1, backoffMaxMs: 1000 };

/** The library's way to whoever leads, in virtual time. */
export function virtualChannel(
  { plan }: Surroundings,
  transport: VirtualTransport,
  servers: readonly VirtualServer[],
): LeaderChannel {
  return new LeaderChannel({
    addresses: servers.map(({ id }) => addressOf(id)),
    transport,
    environment: transport.environment,
    ...BACKOFF_MS,
    stallTimeoutMs: Math.max(STALL_MS_MIN, (STALL_ATTEMPTS * plan.clients.attemptTimeoutUs) / 1000),
    commandBytesMax: COMMAND_BYTES_MAX,
  });
}
