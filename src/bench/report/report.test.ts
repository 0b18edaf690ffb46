import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunRecord } from '../results/schema.ts';
import { writeRun } from '../results/store.ts';
import { sampleHistograms, sampleIncident, sampleTimeline, seriesOf } from '../testing/sampleRun.ts';
import { commandOf } from './commandOf.ts';
import { writeReport } from './report.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rkv-report-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function reportOf(runs: readonly RunRecord[], svgs?: string) {
  const folders = runs.map(({ name }) => join(folder, name.replace(/\W/g, '')));
  for (const [at, run] of runs.entries()) {
    const histograms = run.repeats.map(() => sampleHistograms(Array.from({ length: 2000 }, (_, i) => 500 + i)));
    await writeRun(folders[at]!, run, histograms);
  }
  const request = {
    title: 'a <b>title</b>',
    why: 'why not',
    folders,
    effects: ['batch: it helps'],
    answers: [],
    knees: [],
  };
  const { path, svgs: files } = await writeReport(request, join(folder, 'report.html'), svgs);
  return { html: await readFile(path, 'utf8'), files };
}

const timeline = sampleTimeline(4);

describe('a report', () => {
  it('is one page that loads nothing and runs nothing', async () => {
    const { html } = await reportOf(seriesOf([1, 0.9], 8));
    expect(html).not.toMatch(/<script|<link|<img|@import|url\((?!#)|(?:src|href)="(?!#)/);
    expect(html).not.toMatch(/https?:\/\/(?!www\.w3\.org\/)/);
    expect(html).toContain("default-src 'none'");
    expect(html).toContain('prefers-color-scheme:dark');
    expect(html).toContain('@media print');
  });

  it('shows what was measured, what differs and how it was made', async () => {
    const runs = seriesOf([1, 0.9], 8).map((run) => ({
      ...run,
      repeats: run.repeats.map((repeat) => ({ ...repeat, windowMs: 4000, timeline })),
    }));
    const { html } = await reportOf(runs);
    for (const title of ['Throughput', 'Latency of inserts', 'Throughput over time', 'p99 over time', 'Results']) {
      expect(html).toContain(`${title}</h2>`);
    }
    expect(html).not.toContain('Latency of lookups');
    expect(html).not.toContain('Latency against throughput');
    expect(html).toContain('<h3>run-2 beside run-1</h3>');
    expect(html).toMatch(/×0\.899.*slower/s);
    expect(html).toContain('batch: it helps');
    expect(html).toContain('rkv-bench --backend gorums --batch --entriespermsg 64');
    expect([...html.matchAll(/<svg role="img" aria-labelledby="[\w-]+-title"/g)]).toHaveLength(4);
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('draws latency against throughput where the load varies', async () => {
    const [light, heavy] = seriesOf([1, 2], 3);
    const { settings } = heavy!;
    const busy = { ...heavy!, settings: { ...settings, load: { ...settings.load, clients: 50 } } };
    expect((await reportOf([light!, busy])).html).toContain('Latency against throughput</h2>');
  });

  it('draws what happened into the timeline, once where it happened in all rounds, and tables it', async () => {
    const [run] = seriesOf([1], 3);
    const incidents = [
      sampleIncident('fault', 'server 1 is cut off', 1000, 2000),
      { ...sampleIncident('leader', 'server 2 leads in term 3 (before: server 1, term 2)', 1800), server: 2 },
      sampleIncident('stall', 'no request was answered for 0.80 s', 1000, 1800),
    ];
    const repeats = run!.repeats.map((repeat) => ({ ...repeat, windowMs: 4000, timeline, incidents }));
    const { html } = await reportOf([{ ...run!, repeats }]);
    const [, drawn] = /id="throughput-over-time">(.*?)<\/section>/s.exec(html)!;
    expect(drawn!.match(/>server 1 is cut off</g)).toHaveLength(1);
    expect(drawn!.match(/>server 2 leads</g)).toHaveLength(1);
    expect(html).toContain('round 3, at 1.00 s, for 0.80 s: no request was answered for 0.80 s');
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('has no figures of what failed its check, nor charts of nothing', async () => {
    const [run] = seriesOf([1], 3);
    const wrong = { ...run!, verdict: { ...run!.verdict, passed: false, problems: ['key 1 has no value'] } };
    const { html } = await reportOf([wrong]);
    expect(html).not.toContain('<svg');
    expect(html).toMatch(/<th scope="row">run-1<\/th><td>insert<\/td><td class="figure">3<\/td><td class="figure">-</);
    expect(html).toContain('key 1 has no value');
  });

  it('says nothing raw that a file says', async () => {
    const [run] = seriesOf([1], 3);
    const { html } = await reportOf([{ ...run!, name: '<script>alert(1)</script>\u001b[2J' }]);
    expect(html).not.toContain('<script');
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J');
    expect(html).toContain('<title>a &lt;b&gt;title&lt;/b&gt;</title>');
  });

  it('gives its charts as files that stand by themselves', async () => {
    const { files } = await reportOf(seriesOf([1, 0.9], 4), folder);
    expect(files.map((file) => file.slice(folder.length + 1))).toEqual(['throughput.svg', 'insert-latency.svg']);
    const svg = await readFile(files[0]!, 'utf8');
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg).not.toContain('var(');
  });
});

describe('commandOf', () => {
  it('is what a shell takes', () => {
    const { settings } = seriesOf([1], 3)[0]!;
    const cluster = {
      ...settings.cluster,
      rkvd: "it's here",
      flags: { ordergorums: 'false' },
    } as typeof settings.cluster;
    const command = commandOf({ ...settings, cluster }, 'demo');
    expect(command).toContain(`--rkvd 'it'\\''s here' --ordergorums=false --clients 2`);
    expect(command).toMatch(/--runs 3 --name demo$/);
    expect(commandOf({ ...settings, cluster: { kind: 'running', addresses: [':1', ':2'] } }, 'x')).toContain(
      '--cluster :1,:2',
    );
  });
});
