import type { RepeatRecord } from '../results/schema.ts';
import { type Breakdown, total } from './breakdown.ts';
import type { ByRole } from './profileRun.ts';
import { type Findings, requestsOf } from './renderProfile.ts';

/** The findings as a value for programs; times are µs of processor time a request. */
export function findingsJson({ profiled: { record, breakdowns }, plain, counted }: Findings) {
  const requests = requestsOf(record);
  const perRequest = (of: number, byName: ReadonlyMap<string, number>) =>
    Object.fromEntries(
      [...byName].sort(([, one], [, other]) => other - one).map(([name, value]) => [name, value / of]),
    );
  return {
    requests,
    profiled: ratesOf(record),
    plain: plain === undefined ? null : ratesOf(plain),
    breakdowns: eachRole(breakdowns, (each: Breakdown) => ({
      cpuUs: each.cpuUs / requests,
      mainThreadUs: total(each.stages) / requests,
      waitedUs: each.waitedUs / requests,
      looks: each.looks,
      stages: perRequest(requests, each.stages),
      packages: perRequest(requests, each.packages),
      otherThreads: perRequest(requests, each.otherThreads),
    })),
    systemCalls:
      counted === undefined ? null : eachRole(counted.calls, (each) => perRequest(requestsOf(counted.record), each)),
  };
}

function ratesOf(record: RepeatRecord) {
  const { writesPerSecond, readsPerSecond, serversCpuUsPerCommand, benchCpuUsPerCommand, othersCpuShare } = record;
  return {
    requestsPerSecond: writesPerSecond + readsPerSecond,
    serversCpuUs: serversCpuUsPerCommand,
    benchCpuUs: benchCpuUsPerCommand,
    othersCpuShare,
  };
}

function eachRole<T, R>({ leader, followers, bench }: ByRole<T>, of: (each: T) => R): ByRole<R> {
  return { leader: of(leader), followers: of(followers), bench: of(bench) };
}
