/** When a crashed server starts again. The delay doubles with every crash in a row, from first to max. */
export interface RestartPolicy {
  readonly enabled: boolean;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A server that ran this long before it crashed has no crashes behind it. */
  readonly stableAfterMs: number;
}

export const defaultRestartPolicy: RestartPolicy = {
  enabled: true,
  firstDelayMs: 500,
  maxDelayMs: 30_000,
  stableAfterMs: 10_000,
};

export interface RestartPlan {
  /** Crashes in a row, this one included. */
  readonly crashes: number;
  readonly delayMs: number;
}

/** What follows a crash after `uptimeMs` of a server that had crashed `crashesBefore` times in a row before it. */
export function planRestart(policy: RestartPolicy, crashesBefore: number, uptimeMs: number): RestartPlan {
  const crashes = uptimeMs >= policy.stableAfterMs ? 1 : crashesBefore + 1;
  // 2^1024 is Infinity, and Math.min copes with that.
  return { crashes, delayMs: Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (crashes - 1)) };
}
