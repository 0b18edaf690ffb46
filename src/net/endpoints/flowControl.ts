/**
 * What a stream may bring ahead, and all streams of one connection together, before its reader has read it; the same at
 * all ends of ours. The default of 64 KiB is 1.6 MB/s at a round trip of 40 ms; this is 100 MB/s.
 */
export const FLOW_CONTROL_WINDOW_BYTES = 4 * 1024 * 1024;
