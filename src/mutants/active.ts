/**
 * Which mutant is in force in an instrumented build. Every mutated place of such a build asks `isActive`; what it is told about
 * is also how it is known which places a test or a seed passes.
 */

/** More calls than `callsMax` are an endless loop: what is thrown there ends it wherever it is. */
export class EndlessLoopError extends Error {
  override readonly name = 'EndlessLoopError';
}

const NONE = -1;

let active = NONE;
let calls = 0;
let callsMax = Number.POSITIVE_INFINITY;
let reached = new Uint8Array(0);

/** @public It is called by what is woven into a build (weave.ts). */
export function isActive(id: number): boolean {
  if (id < reached.length) reached[id] = 1;
  if (++calls > callsMax) throw new EndlessLoopError(`more than ${callsMax} mutated places were passed`);
  return id === active;
}

/** Puts one mutant in force, or none; `allowedCalls` bounds what runs under it. */
export function activate(id: number | undefined, allowedCalls: number = Number.POSITIVE_INFINITY): void {
  active = id ?? NONE;
  calls = 0;
  callsMax = allowedCalls;
}

/** Begins to note which of `count` places are passed; 0 ends that. */
export function noteReached(count: number): void {
  reached = new Uint8Array(count);
}

/** The places that were passed since this was asked last. */
export function takeReached(): number[] {
  const ids: number[] = [];
  for (let id = reached.indexOf(1); id >= 0; id = reached.indexOf(1, id + 1)) ids.push(id);
  reached.fill(0);
  return ids;
}

export function callsMade(): number {
  return calls;
}
