import { CommandType, encodeCommand } from '../wire/command.ts';
import { Stray } from './stray.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import type { VirtualServer } from './virtualServer.ts';

const INTERVAL_MEAN_US = 1_500_000;

/**
 * A client that is out of its mind: it sends what every server is to refuse. None of it may come to stand in a log, which is
 * the judge's to watch, and none of it may be acknowledged.
 */
export class StrayClient extends Stray {
  constructor(around: Surroundings, servers: readonly VirtualServer[]) {
    super(around, servers, 'stray client', INTERVAL_MEAN_US);
  }

  protected override act(): void {
    const { census } = this.around;
    this.random.pick(this.servers).submit(this.command(), ({ status }) => {
      if (status === 'ok') {
        throw new InvariantViolation('acknowledged write', 'a command that makes no sense was acknowledged');
      }
      if (status === 'unknown-session' || status === 'invalid') census.count('senseless command refused');
    });
  }

  private command(): Uint8Array {
    const random = this.random;
    const insert = (clientId: number, key = 'stray') =>
      encodeCommand({ type: CommandType.Insert, clientId, clientSeq: 1, key, value: 'stray' });
    switch (random.int(5)) {
      case 0:
        return insert(0);
      case 1:
        return insert(2 ** 40 + random.int(1000));
      case 2:
        return encodeCommand({ type: CommandType.Lookup, key: 'stray' });
      case 3:
        return insert(1).subarray(0, 5);
      default:
        return insert(random.int(200), '');
    }
  }
}
