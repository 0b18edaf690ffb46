/** What an attack is aimed at. */
export interface Target {
  readonly addresses: readonly string[];
  readonly leader: string;
  /** 1 as a rule; larger numbers try harder, smaller ones less. */
  readonly scale: number;
}

/** Does what it can for a bounded time, and says what it did. What it holds open stays open until its thread ends. */
export type Attack = (target: Target) => Promise<string>;
