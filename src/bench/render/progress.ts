import { SingleBar } from 'cli-progress';
import type { CommandOutput } from '../../cli/terminal.ts';
import type { SecondRow } from '../../client/load/latencyRecorder.ts';
import { formatDuration } from '../../goflags/goValues.ts';
import type { Progress } from '../run/measure.ts';
import { formatCount, formatUsAsMs } from './format.ts';

const REDRAW_INTERVAL_MS = 100;
const BAR_WIDTH = 24;
const PHASE_WIDTH = 17;

const phases = {
  starting: 'starting servers',
  connecting: 'connecting',
  filling: 'inserting records',
  'warming-up': 'warming up',
  measuring: 'measuring',
  verifying: 'checking',
  stopping: 'stopping servers',
} as const;

/** Shows a run on `stream`, or, where nobody watches and there is none, in lines of the terminal. */
export function progressOn(
  stream: NodeJS.WritableStream | undefined,
  { err }: Pick<CommandOutput, 'err'>,
): (title: string) => Progress & { end(): void } {
  return (title) =>
    stream === undefined ? plainProgress(title, (text) => err(text.trimEnd())) : barProgress(title, stream);
}

/** A line a phase, where nobody watches. */
export function plainProgress(title: string, write: (text: string) => void): Progress & { end(): void } {
  return {
    phase(phase, durationMs) {
      write(`${title}: ${phases[phase]}${durationMs === undefined ? '' : ` for ${formatDuration(durationMs)}`}\n`);
    },
    second() {},
    end() {},
  };
}

/** A bar that fills with the time of each phase and shows the latest second of the measurement. */
export function barProgress(title: string, stream: NodeJS.WritableStream): Progress & { end(): void } {
  const bar = new SingleBar({
    format: `${title} {phase} {bar} {clock}{figures}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: BAR_WIDTH,
    stream,
    // Ctrl-C is ours to handle, and nothing is read from the terminal.
    noTTYOutput: false,
    gracefulExit: false,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
  });
  let timer: NodeJS.Timeout | undefined;
  let started = false;
  let figures = '';
  const redraw = (phase: keyof typeof phases, durationMs: number, startMs: number) => {
    const passedMs = Math.min(durationMs, performance.now() - startMs);
    const clock = durationMs === 1 ? '' : `${(passedMs / 1000).toFixed(1)}s of ${formatDuration(durationMs)}`;
    bar.update(durationMs === 1 ? 0 : passedMs, { phase: phases[phase].padEnd(PHASE_WIDTH), clock, figures });
  };
  const end = () => {
    clearInterval(timer);
    if (started) bar.stop();
    started = false;
  };
  return {
    phase(phase, durationMs = 1) {
      clearInterval(timer);
      if (phase === 'measuring') figures = '';
      if (started) bar.setTotal(durationMs);
      else bar.start(durationMs, 0, { phase: phases[phase].padEnd(PHASE_WIDTH), clock: '', figures });
      started = true;
      const startMs = performance.now();
      redraw(phase, durationMs, startMs);
      if (durationMs > 1) timer = setInterval(() => redraw(phase, durationMs, startMs), REDRAW_INTERVAL_MS);
    },
    second(row: SecondRow) {
      const failed = row.failed + row.dropped;
      figures =
        `  ${formatCount(row.writes + row.reads)}/s` +
        `  p50 ${formatUsAsMs(row.latencyUsP50)} ms  p99 ${formatUsAsMs(row.latencyUsP99)} ms` +
        (failed > 0 ? `  failed ${formatCount(failed)}` : '');
    },
    end,
  };
}
