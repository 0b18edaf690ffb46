const msPerUnit: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const partPattern = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy;

/** A duration as Go writes it (`20ms`, `1s`, `1m30s`) in ms, or undefined where `text` is none. Negative ones are none here. */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  let totalMs = 0;
  let end = 0;
  for (const part of text.matchAll(partPattern)) {
    totalMs += Number(part[1]) * msPerUnit[part[2]!]!;
    end = part.index + part[0].length;
  }
  return end > 0 && end === text.length ? totalMs : undefined;
}
