import type { EngineInit } from '../contract.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import { ServerCore } from '../parts/serverCore.ts';
import { FIRST_CALL_MAX } from './limits.ts';
import { applyChange } from './membership.ts';
import type { GorumsMessage } from './messages.ts';

/** What a server is in every role. */
export class ServerState extends ServerCore<GorumsMessage> {
  /**
   * Calls so far, from a random start: an answer to a call of an earlier life must not pass for one of this life, least of
   * all a pre-vote for a vote.
   */
  private calls: number;

  constructor(init: EngineInit) {
    const calls = Math.floor(init.random() * FIRST_CALL_MAX);
    super(init, applyChange, new OutputBuffer());
    this.calls = calls;
  }

  /** A server that a change not yet committed removes may be the only one whose log can win (thesis §4.2.2). */
  get mayStand(): boolean {
    return this.isVoter || (this.isChangeInLog && this.configurations.previous?.voters.includes(this.id) === true);
  }

  /** A number for a quorum call, never used before by this server. */
  nextCall(): number {
    return ++this.calls;
  }

  commitTo(index: number): void {
    if (index > this.commitIndex) this.commitIndex = Math.min(index, this.log.lastIndex);
  }
}
