import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What files took that took long, in s of a run of all of them. Others take hardly longer than it takes to load them. */
const SECONDS: Readonly<Record<string, number>> = {
  'test/bench.test.ts': 135,
  'test/mixedClusters.test.ts': 110,
  'test/killedSupervisor.test.ts': 84,
  'test/resources.test.ts': 83,
  'test/supervisor.test.ts': 82,
  'test/farApart.test.ts': 63,
  'test/operator.test.ts': 62,
  'test/identity.test.ts': 59,
  'src/consensus/etcd/simulation.test.ts': 46,
  'src/consensus/gorums/simulation.test.ts': 40,
  'test/largeValues.test.ts': 40,
  'test/package.test.ts': 40,
  'test/walk.test.ts': 39,
  'test/scenarios.test.ts': 36,
  'src/simulator/scenario/scenario.test.ts': 34,
  'src/supervisor/cluster.test.ts': 34,
  'test/faults.test.ts': 34,
  'src/consensus/hashicorp/simulation.test.ts': 33,
  'test/otherFolders.test.ts': 33,
  'test/damage.test.ts': 31,
  'src/offline/verdicts.test.ts': 29,
  'src/simulator/mutants.etcd.test.ts': 28,
  'test/bytes.test.ts': 28,
  'test/snapshots.test.ts': 27,
  'test/versions.test.ts': 27,
  'test/etcdTarget.test.ts': 25,
  'src/simulator/mutants.gorums.test.ts': 23,
  'test/chaos.test.ts': 21,
  'src/simulator/mutants.hashicorp.test.ts': 20,
  'test/newEngine.test.ts': 20,
  'test/hostilePeers.test.ts': 19,
  'test/files.test.ts': 17,
  'src/supervisor/lifecycle.test.ts': 16,
  'test/cycles.test.ts': 16,
  'test/membership.test.ts': 16,
  'test/refusedBeforeLog.test.ts': 16,
  'src/fuzz/run.test.ts': 15,
  'src/supervisor/command.test.ts': 15,
  'test/clusterTls.test.ts': 15,
  'test/durability.test.ts': 14,
  'test/knobs.test.ts': 14,
  'test/browser/report.test.ts': 13,
  'test/profile.test.ts': 13,
  'test/deafLeader.test.ts': 12,
  'src/server/net/tls.test.ts': 9,
  'test/scale.test.ts': 9,
  'src/consensus/testing/primer/simulation.test.ts': 8,
  'src/server/storage/promisedFile.test.ts': 8,
  'test/badInput.test.ts': 8,
  'test/largeSnapshots.test.ts': 8,
  'src/client/rkvClient.test.ts': 7,
  'src/server/identity/startDecision.test.ts': 7,
  'test/completion.test.ts': 7,
  'src/offline/inspection.test.ts': 6,
  'src/server/storage/crash.test.ts': 6,
  'src/consensus/hashicorp/cluster.test.ts': 5,
  'src/supervisor/config/parse.test.ts': 5,
  'test/originalServers.test.ts': 5,
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
