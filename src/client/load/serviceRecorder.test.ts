import { describe, expect, it } from 'vitest';
import type { ClientSession } from '../clientSession.ts';
import type { ClientEnvironment } from '../environment.ts';
import type { CommandListener } from '../pendingCommand.ts';
import type { RkvClient } from '../rkvClient.ts';
import { LatencyRecorder } from './latencyRecorder.ts';
import { runLoad } from './loadGenerator.ts';
import { ServiceRecorder } from './serviceRecorder.ts';
import { zipfWorkload } from './workload.ts';

const STALL_FROM_MS = 500;
const STALL_UNTIL_MS = 1500;
const SERVICE_MS = 2;

/** A server that takes 2 ms for each request, and stalls for a second; and time, which passes when nothing else happens. */
class StalledWorld implements ClientEnvironment {
  private ms = 0;
  private turns: { readonly atMs: number; readonly run: () => void }[] = [];

  readonly sessions: readonly ClientSession[];
  readonly random = () => 0.5;

  constructor(clients: number) {
    this.sessions = Array.from({ length: clients }, () => this.session());
  }

  nowMs(): number {
    return this.ms;
  }

  after(delayMs: number, run: () => void): () => void {
    const turn = { atMs: this.ms + delayMs, run };
    this.turns.push(turn);
    return () => {
      this.turns = this.turns.filter((each) => each !== turn);
    };
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  run(): void {
    for (let next = this.next(); next !== undefined; next = this.next()) {
      this.turns.splice(this.turns.indexOf(next), 1);
      this.ms = Math.max(this.ms, next.atMs);
      next.run();
    }
  }

  private next() {
    return [...this.turns].sort((a, b) => a.atMs - b.atMs)[0];
  }

  private session(): ClientSession {
    const submitInsert = (_key: unknown, _value: unknown, listener: CommandListener, slot: number) => {
      const endMs = this.ms + SERVICE_MS;
      const stalls = endMs > STALL_FROM_MS && this.ms < STALL_UNTIL_MS;
      const answerMs = stalls ? STALL_UNTIL_MS + SERVICE_MS : endMs;
      this.after(answerMs - this.ms, () => listener.commandDone(slot, { status: 'ok' } as never));
    };
    return { submitInsert } as unknown as ClientSession;
  }
}

async function timesOf(clients: number) {
  const world = new StalledWorld(clients);
  const response = new LatencyRecorder();
  const service = new ServiceRecorder();
  const running = runLoad({
    client: {} as RkvClient,
    sessions: world.sessions,
    workload: zipfWorkload({ keyspace: 10, zipfS: 1.1, zipfV: 4, payloadBytes: 16, seed: 1 }),
    pace: { kind: 'open', ratePerClient: 200 },
    durationMs: 3000,
    sinks: [response, service],
    environment: world,
  });
  world.run();
  const summary = await running;
  response.finish();
  return { summary, response: response.writes, service: service.times };
}

describe('service times', () => {
  it('hold a stall of a second once for each client, where response times hold it for all that were due meanwhile', async () => {
    for (const clients of [1, 5]) {
      const { summary, response, service } = await timesOf(clients);
      expect(summary).toMatchObject({ issued: 600 * clients, completed: 600 * clients, dropped: 0 });
      expect(response.getValueAtPercentile(99.9) / 1e6).toBeCloseTo(1, 1);
      expect(response.getValueAtPercentile(80) / 1e6).toBeGreaterThan(0.3);
      expect(service.totalCount).toBe(600 * clients);
      // One request in 600 is the last 600th.
      expect(service.getValueAtPercentile(100 * (599 / 600)) / 1e3).toBeLessThanOrEqual(SERVICE_MS + 1);
      expect(service.maxValue / 1e6).toBeCloseTo(1, 1);
    }
  });
});
