import type { Engine, HardState, PersistBatch } from '../contract.ts';

/** How much of each token is not answered yet. */
type Open = Map<number, number>;

/**
 * The engine, which was started with `hardState`, and now throws where it breaks the contract by itself: answers what nobody asked, or
 * anything twice, or says of a write that others wait for that it need not be synced.
 */
export function heldToContract<M>(engine: Engine<M>, hardState: HardState): Engine<M> {
  let stored = hardState;
  const commands: Open = new Map();
  const reads: Open = new Map();
  const requests: Open = new Map();
  const inner = {
    propose: engine.propose.bind(engine),
    read: engine.read.bind(engine),
    reconfigure: engine.reconfigure.bind(engine),
    transferLeadership: engine.transferLeadership.bind(engine),
    drain: engine.drain.bind(engine),
  };
  return Object.assign<Engine<M>, Partial<Engine<M>>>(engine, {
    propose: (batch) => {
      ask(commands, batch.token, batch.commands.length);
      inner.propose(batch);
    },
    read: (token) => {
      ask(reads, token, 1);
      inner.read(token);
    },
    reconfigure: (change, token) => {
      ask(requests, token, 1);
      inner.reconfigure(change, token);
    },
    transferLeadership: (to, token, unable) => {
      ask(requests, token, 1);
      inner.transferLeadership(to, token, unable);
    },
    drain: () => {
      const output = inner.drain();
      if (output.persist !== undefined) checkSync(output.persist, stored);
      stored = output.persist?.hardState ?? stored;
      for (const { token, count } of output.accepted) answer(commands, token, count, 'commands of batch');
      for (const { token, count } of output.rejected) answer(commands, token, count, 'commands of batch');
      for (const { token } of output.reads) answer(reads, token, 1, 'read');
      for (const { token } of output.requests) answer(requests, token, 1, 'request');
      return output;
    },
  });
}

function checkSync({ mustSync, snapshot, entries, hardState }: PersistBatch, stored: HardState): void {
  const { term, vote } = hardState ?? stored;
  const isHint = snapshot === undefined && entries.length === 0 && term === stored.term && vote === stored.vote;
  if (!mustSync && !isHint) throw new Error('a write of more than a commit index need not be synced');
}

function ask(open: Open, token: number, count: number): void {
  open.set(token, (open.get(token) ?? 0) + count);
}

function answer(open: Open, token: number, count: number, what: string): void {
  const left = (open.get(token) ?? 0) - count;
  if (left < 0) throw new Error(`${what} ${token} is answered though nothing of it is open`);
  open.set(token, left);
}
