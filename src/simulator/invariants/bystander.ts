import { InvariantViolation } from '../violation.ts';
import type { Judge } from './judge.ts';

/** What a server shows of one of its lives. */
export type ServerJudge = Pick<
  Judge,
  | 'started'
  | 'durable'
  | 'turn'
  | 'status'
  | 'snapshotTaken'
  | 'applying'
  | 'appliedAs'
  | 'applied'
  | 'restored'
  | 'toldToStand'
  | 'promises'
  | 'heard'
  | 'readDone'
  | 'requestDone'
  | 'acknowledged'
  | 'registered'
>;

/**
 * For a life on a folder that is not the server's own: what it does by itself is nobody's business, but no client may
 * rely on it.
 */
export const BYSTANDER: ServerJudge = {
  started: () => {},
  durable: () => {},
  turn: () => {},
  status: () => {},
  snapshotTaken: () => {},
  applying: () => {},
  appliedAs: () => {},
  applied: () => {},
  restored: () => {},
  toldToStand: () => {},
  promises: () => {},
  heard: () => {},
  readDone: () => {},
  requestDone: () => {},
  acknowledged: (id, clientId, clientSeq) => {
    throw new InvariantViolation(
      'whole memory',
      `server ${id}, which forgot, acknowledges command ${clientSeq} of session ${clientId}`,
    );
  },
  registered: (id, clientId) => {
    throw new InvariantViolation('whole memory', `server ${id}, which forgot, acknowledges session ${clientId}`);
  },
};

/** Whoever judges at the time of each call. */
export function whoeverJudges(judge: () => ServerJudge): ServerJudge {
  return new Proxy(BYSTANDER, {
    get: (_target, name: keyof ServerJudge) => {
      const now = judge();
      return (now[name] as (...args: never[]) => unknown).bind(now);
    },
  });
}
