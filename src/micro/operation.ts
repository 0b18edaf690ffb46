/** The modules that are measured, of this commit or of another one. */
export interface Modules {
  /** `path` below src/, such as `wire/sessionCodec.ts`. Rejects where there is no such module. */
  load<M>(path: string): Promise<M>;
}

/** What is measured, ready to run. */
export interface Ready {
  /** Does it `times` times. What it throws says that the modules are others than it was written for. */
  run(times: number): void;
  /** Before each `run`, and not measured: makes what that uses up. */
  prepare?(times: number): void;
}

/** Something that a server does again and again. */
export interface Operation {
  /** `what: how much`, such as `etcd engine: round of 64 commands`. */
  readonly name: string;
  make(modules: Modules): Promise<Ready>;
}

/** Operations that are measured in one process: those of one engine, so that V8 sees of it what it sees in a server. */
export interface OperationGroup {
  readonly name: string;
  readonly operations: readonly Operation[];
}

/** What takes the results, so that V8 does not leave out what nobody looks at. */
export const sink = { value: undefined as unknown };
