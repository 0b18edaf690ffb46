import type fc from 'fast-check';

/** What takes bytes or texts that others wrote, and what must hold of it whatever they are. */
export interface FuzzTarget<Input = unknown> {
  readonly name: string;
  /** What takes the inputs, in a few words. */
  readonly takes: string;
  readonly inputs: fc.Arbitrary<Input>;
  /** What is left of an input, such as a timer, is gone after so long. At once by default. */
  readonly lingerMs?: number;
  /**
   * Gives it an input. Returns whether that got past the first check; throws where something does not hold. The same input has the same
   * effect each time.
   */
  check(input: Input): boolean | Promise<boolean>;
}

/** Something does not hold that should. */
export class BrokenError extends Error {
  override readonly name = 'BrokenError';
}

/** Throws BrokenError where `holds` is false. `what`: what should hold. */
export function demand(holds: boolean, what: string | (() => string)): asserts holds {
  if (!holds) throw new BrokenError(typeof what === 'string' ? what : what());
}

type ErrorClass = abstract new (...args: never[]) => Error;

/** What `read` makes of an input; undefined where it refuses it with one of these errors. Whatever else it throws is a find. */
export function taken<T>(read: () => T, ...refusals: readonly ErrorClass[]): { readonly value: T } | undefined {
  try {
    return { value: read() };
  } catch (error) {
    if (!refusals.some((refusal) => error instanceof refusal)) throw error;
    const { message } = error as Error;
    demand(
      message !== '' && message.length <= MESSAGE_LENGTH_MAX,
      () => `a refusal says why, and no more than that: ${message.slice(0, 200)}`,
    );
    return undefined;
  }
}

/** Of a refusal, which may repeat what was typed: no input is so long. */
const MESSAGE_LENGTH_MAX = 100_000;
