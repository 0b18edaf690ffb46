/** What running one folder's cases came to. A kind's module exports `run(folder): Promise<ConformanceResult>`. */
export interface ConformanceResult {
  readonly passed: number;
  readonly failed: number;
}

/** Of one recording, script or history. Larger texts would not fit into a string either. */
export const CASE_BYTES_MAX = 256 * 1024 * 1024;
