import type { NodeId } from '../../../consensus/contract.ts';
import { ASK_TIMES, type Asker } from '../asking.ts';
import { type Identity, introductionOf } from '../identity.ts';
import type { Answer, Wish } from '../startDecision.ts';

/** Who is at the address of each server, and answers at once, as what it was started for has it. */
export class Addresses implements Asker {
  readonly times = ASK_TIMES;
  readonly nowMs = () => performance.now();
  readonly after = (delayMs: number, run: () => void) => void setTimeout(run, delayMs);
  readonly asked: NodeId[] = [];
  private readonly there = new Map<NodeId, { readonly identity: () => Identity; readonly wish: Wish | undefined }>();

  put(id: NodeId, identity: () => Identity, wish?: Wish): this {
    this.there.set(id, { identity, wish });
    return this;
  }

  ask: Asker['ask'] = (peer, _own, _timeoutMs, answered) => {
    this.asked.push(peer);
    const there = this.there.get(peer);
    answered(there === undefined ? { kind: 'silent' } : introduced(there.identity(), there.wish));
  };
}

function introduced(identity: Identity, wish: Wish | undefined): Answer {
  const introduction = introductionOf(identity);
  return { kind: 'introduced', introduction, misfit: undefined, isVoter: true, leader: 0, known: identity.known, wish };
}
