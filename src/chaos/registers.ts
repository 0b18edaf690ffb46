import { setTimeout as pause } from 'node:timers/promises';
import type { HistoryRecorder } from '../checker/history.ts';
import type { KeyValueInput, KeyValueOutput } from '../checker/models/keyValue.ts';
import type { ClientSession } from '../client/clientSession.ts';
import { ClientClosedError, RequestTimeoutError } from '../client/errors.ts';
import type { RkvClient } from '../client/rkvClient.ts';
import type { Random } from '../simulator/random.ts';
import { LivenessError } from './liveness.ts';

export type Recorder = HistoryRecorder<KeyValueInput, KeyValueOutput>;

export interface Counts {
  ok: number;
  failed: number;
  unknown: number;
}

/** Requests of one client that are under way together. */
const LANES = 3;
const THINK_MEAN_MS = 12;
/** How long a request is waited for; the shorter the more outcomes are unknown. */
const TIMEOUTS_MS = [150, 600, 3000];
/** Inserts that nobody waits for any more leave gaps in a session's numbers, of which it may have some thousands. */
const SESSION_INSERTS_MAX = 500;

/**
 * Reads and writes a few keys, every value once, and records what came of it. What a client library rejects with a time-out
 * is what the history says: certainly not done, or nobody knows.
 */
export class Registers {
  readonly counts: Counts = { ok: 0, failed: 0, unknown: 0 };
  private readonly name: number;
  private readonly client: RkvClient;
  private readonly keys: readonly string[];
  private readonly history: Recorder;
  private readonly random: Random;
  private session: ClientSession | undefined;
  private inserts = 0;
  private values = 0;

  constructor(name: number, client: RkvClient, keys: readonly string[], history: Recorder, random: Random) {
    this.name = name;
    this.client = client;
    this.keys = keys;
    this.history = history;
    this.random = random;
  }

  /** Resolves once `until` fires and everything has its outcome. Rejects where the library breaks what it promises. */
  async run(until: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: LANES }, () => this.runLane(until)));
  }

  private async runLane(until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      const timeoutMs = this.random.pick(TIMEOUTS_MS);
      const key = this.random.pick(this.keys);
      if (this.random.chance(0.5)) await this.get(key, timeoutMs);
      else await this.put(key, timeoutMs);
      await pause(this.random.exponential(THINK_MEAN_MS));
    }
  }

  /** Writes and reads every key; rejects where that takes longer. */
  async serveAll(timeoutMs: number): Promise<void> {
    for (const key of this.keys) {
      const done = [await this.put(key, timeoutMs), await this.get(key, timeoutMs)];
      if (done.includes(false)) {
        throw new LivenessError(`client ${this.name} was not served within ${timeoutMs} ms after the faults ended`);
      }
    }
  }

  get(key: string, timeoutMs: number): Promise<boolean> {
    return this.record(key, { kind: 'get' }, () => this.client.lookup(key, { timeoutMs }));
  }

  private async put(key: string, timeoutMs: number): Promise<boolean> {
    const session = await this.openSession(timeoutMs);
    if (session === undefined) return false;
    const value = `${this.name}.${++this.values}`;
    return await this.record(key, { kind: 'put', value }, async () => {
      await session.insert(key, value, { timeoutMs });
      return undefined;
    });
  }

  /** Undefined where none could be had in that time. */
  private async openSession(timeoutMs: number): Promise<ClientSession | undefined> {
    if (this.session === undefined || this.inserts >= SESSION_INSERTS_MAX) {
      try {
        this.session = await this.client.openSession({ timeoutMs });
      } catch (error) {
        if (error instanceof RequestTimeoutError) return undefined;
        throw error;
      }
      this.inserts = 0;
    }
    this.inserts++;
    return this.session;
  }

  private async record(key: string, input: KeyValueInput, ask: () => Promise<KeyValueOutput>): Promise<boolean> {
    const { history, counts } = this;
    const id = history.invoke(this.name, key, input, performance.now());
    try {
      const output = await ask();
      history.ok(id, output, performance.now());
      counts.ok++;
      return true;
    } catch (error) {
      if (!(error instanceof RequestTimeoutError || error instanceof ClientClosedError)) throw error;
      if (error.maybeDone && input.kind === 'put') {
        history.unknown(id, performance.now());
        counts.unknown++;
      } else {
        history.fail(id, performance.now());
        counts.failed++;
      }
      return false;
    }
  }
}
