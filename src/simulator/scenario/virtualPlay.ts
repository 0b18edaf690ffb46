import { Conductor } from '../../scenarios/conductor.ts';
import { type Measurements, measure } from '../../scenarios/measure.ts';
import { wrongValue } from '../../scenarios/writers.ts';
import type { Surroundings } from '../surroundings.ts';
import { InvariantViolation } from '../violation.ts';
import type { Recorder } from '../virtualClient.ts';
import type { VirtualServer } from '../virtualServer.ts';
import type { ScenarioRun } from './scenarioPlan.ts';
import { VirtualStage } from './virtualStage.ts';
import { VirtualWriter } from './virtualWriter.ts';

/** A scenario in a virtual world. */
export class VirtualPlay {
  private readonly run: ScenarioRun;
  private readonly stage: VirtualStage;
  private readonly conductor: Conductor;
  private readonly clients: VirtualWriter[] = [];
  private finished = 0;
  private unread = 0;

  constructor(run: ScenarioRun, around: Surroundings, servers: readonly VirtualServer[], history: Recorder) {
    this.run = run;
    this.stage = new VirtualStage(around, servers, run.conditions, (number, opened) => {
      const client: VirtualWriter = new VirtualWriter(number, around, servers, history, () => opened(client));
      this.clients.push(client);
    });
    const told = (kind: string, detail: () => string) => around.trace.note('scenario', kind, detail);
    this.conductor = new Conductor(
      run.scenario,
      this.stage,
      (happening) => {
        const { kind } = happening;
        if (kind === 'acknowledged' || kind === 'given-up') this.finished++;
        if (kind !== 'sample' && kind !== 'acknowledged') told(kind, () => JSON.stringify(happening));
      },
      () => told('over', () => ''),
    );
  }

  start(): void {
    this.stage.begin();
    this.conductor.start();
  }

  /** Throws InvariantViolation where it did not come about. */
  get isOver(): boolean {
    const { problem, isOver } = this.conductor;
    if (problem !== undefined) throw new InvariantViolation('liveness', problem);
    return isOver;
  }

  heal(): void {
    this.stage.healAll();
  }

  /** Writes of each client so far, the fewest of all. */
  get servedLeast(): number {
    return this.conductor.writers.servedLeast;
  }

  rest(): void {
    this.conductor.writers.rest();
  }

  get inFlight(): number {
    return this.conductor.writers.inFlight + this.unread;
  }

  /** Of clients, in the play. */
  get operations(): number {
    return this.finished;
  }

  /** Reads every key; what is not as its writer left it breaks a rule. */
  read(): void {
    for (const [number, book] of this.conductor.writers.books.entries()) {
      this.unread++;
      this.clients[number]!.lookUp(book.key, (value) => {
        this.unread--;
        const wrong = wrongValue(book, value);
        if (wrong !== undefined) throw new InvariantViolation('acknowledged write', wrong);
      });
    }
  }

  get measurements(): Measurements {
    return measure(this.conductor.happenings, this.run.scenario.lastsMs);
  }
}
