import { describe, expect, it } from 'vitest';
import { drawChaos } from '../src/chaos/plan.ts';
import { type RoundReport, runRound } from '../src/chaos/round.ts';
import type { LinkListener, Transport } from '../src/client/transport.ts';

const FAULTS_MS = 2000;

/** Changes what a client is told of values, as a server with a mistake would. */
function lying(lie: (value: string) => string): (transport: Transport) => Transport {
  return (transport) => ({
    ...transport,
    open(address, listener) {
      const told: LinkListener = {
        linkReady: (link) => listener.linkReady(link),
        linkResult: (link, command, status, clientId, value, detail) => {
          const lied = value === undefined ? undefined : lie(value);
          listener.linkResult(link, command, status, clientId, lied, detail);
        },
        linkBatchDone: (link, hint) => listener.linkBatchDone(link, hint),
        linkClosed: (link, reason) => listener.linkClosed(link, reason),
      };
      return transport.open(address, told);
    },
  });
}

/** A round without faults, on one server. */
const calm = (tamper: (transport: Transport) => Transport): Promise<RoundReport> =>
  runRound('etcd', { ...drawChaos(1, 600), servers: 1, members: [1], strikes: [] }, { tell: () => {}, tamper });

describe('a round of chaos on real servers', () => {
  it.each([
    ['gorums', 12, false],
    ['etcd', 11, true],
    ['hashicorp', 10, false],
  ] as const)(
    '%s, seed %i, TLS %s: what clients saw is linearizable, and the bank keeps its money',
    async (engine, seed, tls) => {
      const told: string[] = [];
      const report = await runRound(engine, drawChaos(seed, FAULTS_MS), { tls, tell: (line) => told.push(line) });
      expect(report.violation, told.join('\n')).toBeUndefined();
      expect(report.ok).toBeGreaterThan(0);
      expect(report.strikes.size, told.join('\n')).toBeGreaterThan(0);
    },
    120_000,
  );

  it('notices a value that is older than one that was read before', async () => {
    let before: string | undefined;
    const stale = lying((value) => {
      if (!/^\d+\.\d+$/.test(value)) return value;
      const old = before ?? value;
      before = value;
      return old;
    });
    expect((await calm(stale)).violation).toMatch(/^the history of key k\d is not linearizable:\n/);
  }, 60_000);

  it('notices money from nowhere', async () => {
    const generous = lying((value) => (/^\d+$/.test(value) ? String(Number(value) + 1) : value));
    expect((await calm(generous)).violation).toMatch(
      /^BankError: account bank\/\d\/\d holds \d+, where \d+ was written/,
    );
  }, 60_000);
});
