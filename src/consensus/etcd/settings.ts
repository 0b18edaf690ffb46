import type { EngineInit } from '../contract.ts';
import type { TickClock } from './clock.ts';
import { APPLYING_BYTES_MAX, INFLIGHT_BYTES_MAX, INFLIGHT_MESSAGES_MIN, UNCOMMITTED_BYTES_MAX } from './limits.ts';
import { DEFAULT_OPTIONS, type RaftOptions } from './options.ts';

/** The settings of all engines in this one's terms. */
export function optionsFor({ id, settings, random }: EngineInit, clock: TickClock): RaftOptions {
  const { batch, checkQuorum, catchUpMultiplier, entriesPerMessage, maxMessageBytes } = settings;
  const perMessage = batch ? entriesPerMessage : 1;
  const { readMode, disableConfChangeValidation, stepDownOnRemoval } = DEFAULT_OPTIONS;
  return {
    id,
    random,
    electionTicks: clock.electionTicks,
    heartbeatTicks: clock.heartbeatTicks,
    tickMs: clock.tickMs,
    entriesPerMessageMax: perMessage,
    messageBytesMax: maxMessageBytes,
    applyingBytesMax: APPLYING_BYTES_MAX,
    uncommittedBytesMax: UNCOMMITTED_BYTES_MAX,
    inflightMessagesMax: Math.max(
      INFLIGHT_MESSAGES_MIN,
      Math.floor((entriesPerMessage * catchUpMultiplier) / perMessage),
    ),
    inflightBytesMax: Math.max(INFLIGHT_BYTES_MAX, maxMessageBytes),
    checkQuorum,
    preVote: true,
    preVoteLease: true,
    readMode,
    asyncStorageWrites: true,
    // A leader with a slow disk takes part in its quorum late, but knows what is committed, and in which configuration, first.
    applyUnstable: true,
    disableProposalForwarding: true,
    disableConfChangeValidation,
    stepDownOnRemoval,
    coalesceAppends: true,
    shareCommit: true,
  };
}
