import { describe, expect, it } from 'vitest';
import { sampleIncident, sampleRecovery, sampleRepeat, sampleRun, seriesOf } from '../testing/sampleRun.ts';
import { csvTables } from './csvTables.ts';

/** Rows as objects, of cells without quotes. */
function rowsOf(text: string): Record<string, string>[] {
  const [head, ...lines] = text.trimEnd().split('\n');
  const columns = head!.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, at) => [columns[at]!, cell])));
}

describe('csvTables', () => {
  const second = { second: 0, writes: 10, reads: 1, failed: 0, dropped: 0, p50Us: 5, p99Us: 9, maxUs: 12 };

  it('are a row a repeat, a row a second and a row an incident', () => {
    const [run, other] = seriesOf([1, 0.5], 2);
    const incident = { ...sampleIncident('down', 'server 2 "ended", it says', 1500, 2500), server: 2 };
    const repeats = run!.repeats.map((each) => ({ ...each, timeline: [second, { ...second, second: 1 }] }));
    const hit = { ...run!, repeats: [repeats[0]!, { ...repeats[1]!, incidents: [incident] }] };
    const tables = new Map(csvTables([hit, other!]).map(({ name, text }) => [name, text]));
    expect([...tables.keys()]).toEqual(['runs.csv', 'timeline.csv', 'incidents.csv']);
    const runs = rowsOf(tables.get('runs.csv')!);
    expect(runs.map(({ run: name, round }) => [name, round])).toEqual([
      ['run-1', '1'],
      ['run-1', '2'],
      ['run-2', '1'],
      ['run-2', '2'],
    ]);
    expect(runs[0]).toMatchObject({ backend: 'gorums', entriespermsg: '64', clients: '2', check: 'verified' });
    expect(Number(runs[0]!.write_p25_us)).toBeLessThan(Number(runs[0]!.write_p75_us));
    expect(rowsOf(tables.get('timeline.csv')!)[3]).toMatchObject({
      round: '2',
      second: '1',
      writes: '10',
      p99_us: '9',
    });
    expect(tables.get('incidents.csv')).toBe(
      'run,round,kind,at_ms,until_ms,server,what\nrun-1,2,down,1500,2500,2,"server 2 ""ended"", it says"\n',
    );
  });

  it('have the recovery of runs that had something to get over', () => {
    const recovery = sampleRecovery({ fullRateMs: 900, failed: 3 });
    const run = { ...sampleRun('hit', [100]), repeats: [sampleRepeat([100], { recovery })] };
    const { text } = csvTables([run, sampleRun('calm', [100])])[0]!;
    const [hit, calm] = rowsOf(text);
    expect(hit).toMatchObject({
      fault_at_ms: '1000',
      first_write_ms: '1400',
      catch_up_ms: '',
      failed_after_fault: '3',
    });
    expect(calm).toMatchObject({ fault_at_ms: '', first_write_ms: '' });
  });

  it('have no figures of what failed its check', () => {
    const run = sampleRun('wrong', [100]);
    const repeats = [sampleRepeat([100], { timeline: [second] })];
    const wrong = { ...run, repeats, verdict: { ...run.verdict, passed: false } };
    const tables = csvTables([wrong]);
    expect(tables.map(({ name }) => name)).toEqual(['runs.csv']);
    expect(tables[0]!.text).not.toContain('writes_per_second');
  });

  it('do not repeat a name of megabytes, nor its control characters, in every row', () => {
    const run = sampleRun(`\x1b[2J\n${'x'.repeat(1_000_000)}`, [100]);
    const repeats = [sampleRepeat([100], { timeline: [second, { ...second, second: 1 }] })];
    const tables = csvTables([{ ...run, repeats }]);
    expect(tables.map(({ name }) => name)).toEqual(['runs.csv', 'timeline.csv']);
    for (const { text } of tables) {
      expect(text.length).toBeLessThan(5000);
      expect(text).toContain('\n\\x1b[2J\\nxxx');
    }
    const names = tables.map(({ text }) => rowsOf(text)[0]!.run);
    expect(names[0]).toBe(names[1]);
  });
});
