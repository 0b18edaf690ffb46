import type { EngineKind } from '../consensus/contract.ts';
import { gorumsKind } from '../consensus/gorums/index.ts';

/** The engines by the name that `-backend` takes. Their message types differ, and only the engine itself looks inside. */
const ENGINES: Readonly<Record<string, EngineKind<unknown>>> = {
  gorums: gorumsKind as EngineKind<unknown>,
};

/** The engine is not part of this build. */
export class UnknownEngineError extends Error {
  override readonly name = 'UnknownEngineError';
}

export function engineKind(backend: string): EngineKind<unknown> {
  const kind = ENGINES[backend];
  if (kind === undefined) {
    throw new UnknownEngineError(
      `backend "${backend}" is not built yet; there are: ${Object.keys(ENGINES).join(', ')}`,
    );
  }
  return kind;
}
