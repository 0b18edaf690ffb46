import { HearingServer, type HostileStep, hostileSteps } from '../../server/host/testing/hearingServer.ts';
import { FORGED_ENGINES, type ForgedEngine } from '../engines.ts';
import { demand, type FuzzTarget } from '../target.ts';

/** What `src/server/host/hostile.test.ts` asks of a few hundred sequences. */
function replicaOf({ name, entry, forgery }: ForgedEngine): FuzzTarget<readonly HostileStep<unknown>[]> {
  return {
    name: `replica-${name}`,
    takes: `peers' messages, in a server with the ${name} engine and its log store`,
    inputs: hostileSteps(forgery),
    check(steps) {
      const server = new HearingServer(entry.kind);
      const check = () =>
        demand(server.failures.length === 0, () => `the server goes on: ${server.failures[0]?.stack}`);
      for (const step of steps) {
        step(server);
        check();
      }
      server.run();
      server.sync();
      server.restart();
      server.tick(250);
      server.run();
      check();
      return server.hasLog;
    },
  };
}

export const REPLICAS = FORGED_ENGINES.map(replicaOf);
