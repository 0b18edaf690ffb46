import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import type { VirtualServer } from './virtualServer.ts';

/** Somebody who reaches the servers and does now and then what nobody should, until it is told to rest. */
export abstract class Stray {
  protected readonly around: Surroundings;
  protected readonly random: Random;
  protected readonly servers: readonly VirtualServer[];
  private readonly intervalMeanUs: number;
  private isIdle = false;

  /** `name` is that of its draws. */
  constructor(around: Surroundings, servers: readonly VirtualServer[], name: string, intervalMeanUs: number) {
    this.around = around;
    this.random = around.random.fork(name);
    this.servers = servers;
    this.intervalMeanUs = intervalMeanUs;
  }

  protected abstract act(): void;

  start(): void {
    this.around.timeline.after(this.random.exponential(this.intervalMeanUs), () => {
      if (this.isIdle) return;
      this.act();
      this.start();
    });
  }

  rest(): void {
    this.isIdle = true;
  }
}
