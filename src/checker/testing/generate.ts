/** Histories for tests and measurements, made from a seed by running a model on clients that overlap at random. */
import { HistoryRecorder, type Operation } from '../history.ts';

/** A small generator of pseudo-random 32-bit words (Marsaglia, "Xorshift RNGs", 2003). Not for anything but tests. */
export class SeededRandom {
  private state: number;

  constructor(seed: number) {
    this.state = Math.imul(seed + 1, 0x9e3779b1) | 1;
    for (let i = 0; i < 8; i += 1) this.below(2);
  }

  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % bound;
  }
}

export interface GeneratorSettings<State, Input, Output> {
  readonly seed: number;
  readonly clientCount: number;
  readonly operationCount: number;
  readonly keyCount: number;
  /** Out of 1000 operations, how many lose their answer. Half of those never take effect. */
  readonly unknownPerMille: number;
  init(): State;
  input(random: SeededRandom, serial: number): Input;
  /** What the object really does. */
  apply(state: State, input: Input): { readonly state: State; readonly output: Output };
}

interface InFlight<Input, Output> {
  readonly id: number;
  readonly key: string;
  readonly input: Input;
  readonly fate: 'answered' | 'late' | 'never';
  result?: { readonly output: Output };
}

/**
 * A history that is linearizable by construction: each operation takes effect at one instant between its invocation
 * and its return. A client whose answer is lost goes on under a new name, as its operation may still be under way.
 */
export function generateHistory<State, Input, Output>(
  settings: GeneratorSettings<State, Input, Output>,
): Operation<Input, Output>[] {
  const { seed, clientCount, operationCount, keyCount, unknownPerMille } = settings;
  const random = new SeededRandom(seed);
  const recorder = new HistoryRecorder<Input, Output>();
  const states = new Map<string, State>();
  const inFlight: (InFlight<Input, Output> | undefined)[] = new Array(clientCount).fill(undefined);
  const names = Array.from({ length: clientCount }, (_, client) => client);
  const delayed: InFlight<Input, Output>[] = [];
  const takeEffect = (call: InFlight<Input, Output>): void => {
    const { state, output } = settings.apply(states.get(call.key) ?? settings.init(), call.input);
    states.set(call.key, state);
    call.result = { output };
  };
  let invoked = 0;
  for (let time = 0; invoked < operationCount || inFlight.some((call) => call !== undefined); time += 1) {
    if (delayed.length > 0 && random.below(20) === 0) takeEffect(delayed.splice(random.below(delayed.length), 1)[0]!);
    const client = random.below(clientCount);
    const call = inFlight[client];
    if (call === undefined) {
      if (invoked === operationCount) continue;
      const [key, input] = [`key${random.below(keyCount)}`, settings.input(random, invoked)];
      const fate = random.below(1000) >= unknownPerMille ? 'answered' : random.below(2) === 0 ? 'late' : 'never';
      inFlight[client] = { id: recorder.invoke(names[client]!, key, input, time), key, input, fate };
      invoked += 1;
    } else if (call.fate !== 'answered') {
      recorder.unknown(call.id, time);
      if (call.fate === 'late') delayed.push(call);
      names[client]! += clientCount;
      inFlight[client] = undefined;
    } else if (call.result === undefined) takeEffect(call);
    else {
      recorder.ok(call.id, call.result.output, time);
      inFlight[client] = undefined;
    }
  }
  return recorder.operations();
}
