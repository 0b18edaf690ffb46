import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What files took that took long, in s of a run of all of them. Others take hardly longer than it takes to load them. */
const SECONDS: Readonly<Record<string, number>> = {
  'test/killedSupervisor.test.ts': 114,
  'test/identity.test.ts': 113,
  'test/bench.test.ts': 99,
  'test/supervisor.test.ts': 96,
  'test/resources.test.ts': 96,
  'test/operator.test.ts': 77,
  'test/farApart.test.ts': 75,
  'test/largeValues.test.ts': 65,
  'test/otherFolders.test.ts': 61,
  'test/membership.test.ts': 60,
  'test/faults.test.ts': 41,
  'src/consensus/etcd/simulation.test.ts': 41,
  'test/deafLeader.test.ts': 38,
  'test/scenarios.test.ts': 37,
  'test/package.test.ts': 37,
  'test/damage.test.ts': 35,
  'src/simulator/mutants.gorums.test.ts': 35,
  'test/bytes.test.ts': 33,
  'src/consensus/hashicorp/simulation.test.ts': 32,
  'src/simulator/scenario/scenario.test.ts': 31,
  'src/consensus/gorums/simulation.test.ts': 31,
  'src/simulator/mutants.etcd.test.ts': 29,
  'test/largeSnapshots.test.ts': 25,
  'src/simulator/mutants.hashicorp.test.ts': 24,
  'src/supervisor/cluster.test.ts': 23,
  'test/snapshots.test.ts': 24,
  'src/offline/verdicts.test.ts': 20,
  'test/hostilePeers.test.ts': 19,
  'test/clusterTls.test.ts': 20,
  'test/chaos.test.ts': 19,
  'test/versions.test.ts': 19,
  'test/cycles.test.ts': 18,
  'test/completion.test.ts': 18,
  'test/mutants.test.ts': 16,
  'src/consensus/testing/primer/simulation.test.ts': 15,
  'test/walk.test.ts': 15,
  'test/newEngine.test.ts': 15,
  'src/supervisor/lifecycle.test.ts': 14,
  'test/etcdTarget.test.ts': 13,
  'test/scale.test.ts': 12,
  'test/originalServers.test.ts': 13,
  'test/badInput.test.ts': 11,
  'src/fuzz/run.test.ts': 10,
  'src/supervisor/command.test.ts': 9,
  'test/files.test.ts': 9,
  'test/durability.test.ts': 9,
  'test/refusedBeforeLog.test.ts': 8,
  'src/supervisor/config/parse.test.ts': 7,
  'src/client/rkvClient.test.ts': 7,
  'src/server/identity/startDecision.test.ts': 7,
  'src/consensus/etcd/engine.test.ts': 6,
  'src/server/admission/unaryAdmission.test.ts': 6,
  'test/goClient.test.ts': 5,
  'src/net/grpc/grpcServer.test.ts': 5,
  'test/knobs.test.ts': 5,
  'test/profile.test.ts': 5,
};
const SECONDS_OF_OTHERS = 1;

/**
 * The longest first, so that no long one is left to run alone at the end; and those that start processes in turn with those that
 * do not: the former wait much of their time, and the latter never.
 */
export class BothCoresBusy extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const root = this.ctx.config.root;
    const seconds = ({ moduleId }: TestSpecification) => SECONDS[relative(root, moduleId)] ?? SECONDS_OF_OTHERS;
    const longestFirst = files
      .map((file) => ({ file, path: relative(root, file.moduleId), seconds: seconds(file) }))
      .sort((one, other) => other.seconds - one.seconds || (one.path < other.path ? -1 : 1));
    const waiting = longestFirst.filter(({ path }) => path.startsWith('test/'));
    const working = longestFirst.filter(({ path }) => !path.startsWith('test/'));
    const order: TestSpecification[] = [];
    let ahead = 0;
    for (;;) {
      const next = (ahead > 0 ? waiting.shift() : working.shift()) ?? waiting.shift() ?? working.shift();
      if (next === undefined) return order;
      order.push(next.file);
      ahead += next.path.startsWith('test/') ? -next.seconds : next.seconds;
    }
  }
}
