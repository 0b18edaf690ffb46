/** What `rkvctl status` and `rkv-cluster status` say of a cluster to scripts. */
export const StatusExitCode = {
  /** Somebody leads and all members take part. */
  Healthy: 0,
  /** Nobody leads, or nobody answers. */
  Down: 1,
  /** Somebody leads, but not all members take part. */
  Degraded: 3,
} as const;
