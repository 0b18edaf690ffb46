import { printable } from '../../cli/printable.ts';
import type { Incident, IncidentKind } from '../results/schema.ts';
import { FAINT, INK, seriesColor } from './palette.ts';
import type { ReportRun } from './reportRun.ts';

/** More lines cannot be told apart. */
const MARKS_MAX = 24;
/** Of a text along its line. */
const LABEL_LENGTH_MAX = 34;
/** What happened in several rounds or runs at the same time, to so many ms, is drawn once. */
const SAME_MS = 250;

/** Of all shades together where they lie over each other, as the same fault in several rounds does: curves are to be seen through them. */
const SHADE_OPACITY = 0.3;
const SHADE_OPACITY_MIN = 0.03;
/** Of the whole time: labels that are closer than this would lie over each other. */
const LABEL_DISTANCE_SHARE = 0.025;

/** What has a place in time that a picture of it should show; stalls are seen in the curve itself. */
const DRAWN: ReadonlySet<IncidentKind> = new Set(['fault', 'step', 'down', 'leader']);

interface Mark {
  readonly incident: Incident & { readonly atMs: number };
  readonly color: string;
}

/** A series without data that draws what happened as lines at its time, and what it lasted as a shade; undefined where nothing did. */
export function incidentMarks(runs: readonly ReportRun[]): object | undefined {
  const marks = marksOf(runs)
    .sort((a, b) => a.incident.atMs - b.incident.atMs)
    .slice(0, MARKS_MAX);
  if (marks.length === 0) return undefined;
  const shaded = marks.filter(({ incident }) => incident.untilMs !== null).length;
  const opacity = Math.max(SHADE_OPACITY_MIN, SHADE_OPACITY / Math.max(2, shaded));
  const labelled = labelledMarks(marks, 1000 * Math.max(...runs.map(({ seconds }) => seconds.length)));
  return {
    type: 'line',
    data: [],
    silent: true,
    markLine: {
      symbol: 'none',
      animation: false,
      data: marks.map(({ incident, color }, at) => ({
        xAxis: incident.atMs / 1000,
        lineStyle: { color, type: incident.kind === 'leader' ? 'dashed' : 'solid', width: 1.2 },
        label: {
          show: labelled.has(at),
          formatter: cut(printable(labelOf(incident))),
          position: 'insideEndTop',
          color: INK,
          fontSize: 11,
        },
      })),
    },
    markArea: {
      animation: false,
      data: marks.flatMap(({ incident, color }) =>
        incident.untilMs === null
          ? []
          : [[{ xAxis: incident.atMs / 1000, itemStyle: { color, opacity } }, { xAxis: incident.untilMs / 1000 }]],
      ),
    },
  };
}

function labelOf({ kind, server, what }: Incident): string {
  if (kind === 'leader') return `server ${server} leads`;
  return kind === 'down' ? `server ${server} is down` : what;
}

function cut(text: string): string {
  return text.length <= LABEL_LENGTH_MAX ? text : `${text.slice(0, LABEL_LENGTH_MAX - 1)}…`;
}

/** Which marks have room for their label, in the order of time. */
function labelledMarks(marks: readonly Mark[], lastsMs: number): Set<number> {
  const labelled = new Set<number>();
  let freeMs = Number.NEGATIVE_INFINITY;
  for (const [at, { incident }] of marks.entries()) {
    if (incident.atMs < freeMs) continue;
    labelled.add(at);
    freeMs = incident.atMs + LABEL_DISTANCE_SHARE * lastsMs;
  }
  return labelled;
}

/** Faults and steps are everybody's; what came of them has the colour of its run. */
function marksOf(runs: readonly ReportRun[]): Mark[] {
  const seen = new Set<string>();
  return runs.flatMap(({ record }, at) =>
    record.repeats
      .flatMap(({ incidents }) => incidents)
      .flatMap((incident): Mark[] => {
        const { kind, atMs } = incident;
        if (!DRAWN.has(kind) || atMs === null || atMs < 0) return [];
        const isEverybodys = kind === 'fault' || kind === 'step';
        const whose = isEverybodys ? '' : at;
        const key = `${kind} ${whose} ${labelOf(incident)} ${Math.round(atMs / SAME_MS)}`;
        if (seen.has(key)) return [];
        seen.add(key);
        return [{ incident: { ...incident, atMs }, color: isEverybodys ? FAINT : seriesColor(at) }];
      }),
  );
}
