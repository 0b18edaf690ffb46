/**
 * `node burner.js PART SECONDS`: a process that takes PART of a core, as a client does that is busy for so much of its time, and
 * does nothing else.
 */
const PERIOD_MS = 5;
const part = Math.min(1, Number(process.argv[2]));
const endMs = performance.now() + Number(process.argv[3]) * 1000;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
// What it owes: where it was not let run, it catches up, as a client does whose calls wait.
let owedMs = 0;
for (let nowMs = performance.now(); nowMs < endMs; ) {
  owedMs += PERIOD_MS * part;
  const { user, system } = process.cpuUsage();
  const used = () => {
    const now = process.cpuUsage();
    return (now.user - user + now.system - system) / 1000;
  };
  while (used() < owedMs && performance.now() < endMs);
  owedMs = Math.max(0, owedMs - used());
  const restMs = PERIOD_MS - (performance.now() - nowMs);
  if (restMs > 0) Atomics.wait(sleeper, 0, 0, restMs);
  else owedMs += -restMs * part;
  nowMs = performance.now();
}
