import type { Incident, IncidentKind, RepeatRecord } from '../results/schema.ts';

/** Of one run, as people read them. */
const SHOWN_MAX = 12;

const NAMES: Readonly<Record<IncidentKind, readonly [one: string, several: string]>> = {
  election: ['election', 'elections'],
  leader: ['change of leader', 'changes of leader'],
  leaderless: ['time without a leader', 'times without a leader'],
  down: ['server away', 'servers away'],
  stall: ['stall', 'stalls'],
  fault: ['fault', 'faults'],
  step: ['step', 'steps'],
  notice: ['notice', 'notices'],
};

/** `1 election, 2 stalls` of all repeats; empty where nothing happened. */
export function countIncidents(repeats: readonly RepeatRecord[]): string {
  const counts = new Map<IncidentKind, number>();
  for (const { kind } of repeats.flatMap(({ incidents }) => incidents)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const kinds = Object.keys(NAMES) as IncidentKind[];
  return kinds
    .flatMap((kind) => {
      const count = counts.get(kind);
      return count === undefined ? [] : [`${count} ${NAMES[kind][count === 1 ? 0 : 1]}`];
    })
    .join(', ');
}

/** A line each, in the order of rounds and times; of many the first. */
export function describeIncidents(repeats: readonly RepeatRecord[]): string[] {
  const lines = repeats.flatMap(({ incidents }, at) =>
    incidents.map((each) => describeIncident(each, repeats.length > 1 ? at + 1 : undefined)),
  );
  const rest = lines.length - SHOWN_MAX;
  return rest <= 0 ? lines : [...lines.slice(0, SHOWN_MAX), `and ${rest} more, which run.json has`];
}

/** `round 2, at 3.21 s, for 1.40 s: no server led`. */
export function describeIncident({ atMs, untilMs, what }: Incident, round?: number): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  const when = [
    ...(round === undefined ? [] : [`round ${round}`]),
    ...(atMs === null ? [] : [atMs < 0 ? `${seconds(-atMs)} before it was measured` : `at ${seconds(atMs)}`]),
    ...(atMs === null || untilMs === null ? [] : [`for ${seconds(untilMs - atMs)}`]),
  ];
  return when.length === 0 ? what : `${when.join(', ')}: ${what}`;
}
