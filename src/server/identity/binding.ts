import type { Binding } from '../storage/binding.ts';
import { RefusedDataError } from '../storage/contract.ts';
import type { Identity } from './identity.ts';

/** The identity and the rest of what a server keeps are of different times, or the rest is gone: something was put back or deleted alone. */
export class OtherStartError extends RefusedDataError {
  override readonly name = 'OtherStartError';
  override readonly remedy =
    'put back what belongs together, the folder with its identity.json and the promise file; where that is gone, start it once with -rejoin, which moves these data aside and gets everything back from the others';
}

export type LastStart = Pick<Identity, 'stage' | 'boots' | 'life' | 'isBound'>;

/**
 * What keeps a server from going on with the data that it finds, as far as it can tell from its identity. The peers know the
 * server by its identity; the data are what that has promised. So the two must be of the same start, or something
 * that was acknowledged since may be missing, and nobody would notice.
 *
 * `last` is the identity as the last start left it, undefined where there is none; `found` says which start the data were bound
 * to, undefined where to none. Every start that takes part does these in turn, each durable before the next:
 *
 * 1. It binds the data to itself; they also say which start its identity names so far.
 * 2. Its identity names it, and says that data are bound.
 * 3. It promises something.
 *
 * Why a right folder is never refused. A crash before 1 leaves what was; one between 1 and 2 an identity that names the start
 * before, as the data say. So does one in the next start, and the next: each says in the data what the identity really names.
 *
 * Why what promised more is never missing. Data that are bound to start S or name it as the one before hold all that was
 * promised up to S, for they were written by S or later, unless they are from the middle of S (below). A later start would be
 * the one that the identity names. And an identity that says that data are bound was written when they were.
 *
 * - A server that is new has promised nothing, whatever lies there. (It begins only where the store is empty.)
 * - Neither is bound: data of an earlier version. They are taken as they are, and bound from then on.
 *
 * What it cannot tell: a copy that was made in the midst of the start that the identity names (a server that was not stopped
 * for it), and an identity that is put back with the rest. The peers know of the latter (identity.ts).
 */
export function objectionToData(last: LastStart | undefined, found: Binding | undefined): string | undefined {
  if (last === undefined) {
    if (found === undefined) return undefined;
    return `identity.json is gone: start ${found.boots} wrote one, and bound the promise file to it`;
  }
  if (last.stage !== 'member') return undefined;
  if (found === undefined) {
    if (!last.isBound) return undefined;
    return `${ofIdentity(last)}, and no promise file of that time is here: all but identity.json is gone, or older`;
  }
  if (found.life === last.life || found.previous === last.life) return undefined;
  const whole = `${ofIdentity(last)}, the promise file of start ${found.boots}`;
  if (found.boots < last.boots) return `${whole}: all but identity.json is older`;
  if (found.boots > last.boots) return `${whole}: identity.json is older than the rest`;
  return `${whole}, but not of the same: each was started apart from the other`;
}

function ofIdentity({ boots }: LastStart): string {
  return `identity.json is of start ${boots} of this folder`;
}

/** Throws OtherStartError where the server must not go on with the data in `location`. */
export function checkBinding(location: string, last: LastStart | undefined, found: Binding | undefined): void {
  const objection = objectionToData(last, found);
  if (objection !== undefined) throw new OtherStartError(`${location}: ${objection}`);
}
