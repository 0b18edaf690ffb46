import type { Incident, IncidentKind } from '../results/schema.ts';

/** Of one repeat: a server that flaps for hours says after so many what it is. */
export const INCIDENTS_MAX = 500;

/** What is known of an incident when it begins; times are of the load's clock, ms. */
export interface Beginning {
  readonly kind: IncidentKind;
  readonly atMs: number;
  /** Where it has ended already. */
  readonly untilMs?: number;
  /** Null where it is not about one server. */
  readonly server: number | null;
  readonly what: string;
}

/** An incident that goes on. */
export interface OpenIncident {
  /** What is known better by now. */
  what: string;
  end(atMs: number): void;
}

interface Entry extends Beginning {
  what: string;
  untilMs?: number;
}

/** Notes what happens to servers and clients while they are measured. */
export class IncidentLog {
  private readonly entries: Entry[] = [];

  add(beginning: Beginning): OpenIncident {
    const entry: Entry = { ...beginning };
    this.entries.push(entry);
    return {
      get what() {
        return entry.what;
      },
      set what(text) {
        entry.what = text;
      },
      end: (atMs) => {
        entry.untilMs ??= atMs;
      },
    };
  }

  /** In the order of time, counted from `startedMs`, at most INCIDENTS_MAX; what was not over then has no end. */
  since(startedMs: number): Incident[] {
    const sorted = [...this.entries].sort((a, b) => a.atMs - b.atMs);
    const from = (ms: number) => Math.round(ms - startedMs);
    const shown = sorted.slice(0, INCIDENTS_MAX).map(
      ({ kind, atMs, untilMs, server, what }): Incident => ({
        kind,
        atMs: from(atMs),
        untilMs: untilMs === undefined ? null : from(untilMs),
        server,
        what,
      }),
    );
    const rest = sorted.slice(INCIDENTS_MAX);
    if (rest.length === 0) return shown;
    const more = { untilMs: null, server: null, what: `${rest.length} more incidents, of which nothing was kept` };
    return [...shown, { kind: 'notice', atMs: from(rest[0]!.atMs), ...more }];
  }
}
