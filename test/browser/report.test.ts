import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../../src/bench/report/report.ts';
import { writeRun } from '../../src/bench/results/store.ts';
import { sampleHistograms, sampleIncident, sampleTimeline, seriesOf } from '../../src/bench/testing/sampleRun.ts';
import { programOnPath } from '../../src/files/programOnPath.ts';

/** What there is to look with: Debian has it as `chromium`. */
const browserPath = programOnPath('chromium') ?? programOnPath('google-chrome');

let folder: string;
let browser: Browser;
let url: string;
/** What the page asked for or complained of, in any test. */
const complaints: string[] = [];

beforeAll(async () => {
  if (browserPath === undefined) return;
  folder = await mkdtemp(join(tmpdir(), 'rkv-browser-test-'));
  url = pathToFileURL(await writeSampleReport()).href;
  browser = await chromium.launch({
    executablePath: browserPath,
    // The gate runs as root in containers, where Chromium's own sandbox is not to be had; the page is ours.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}, 60_000);
afterAll(async () => {
  if (browserPath === undefined) return;
  await browser.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
});

async function writeSampleReport(): Promise<string> {
  const [light, other] = seriesOf([1, 0.9], 8);
  const { settings } = other!;
  const runs = [light!, { ...other!, settings: { ...settings, load: { ...settings.load, clients: 50 } } }].map(
    (run) => ({
      ...run,
      repeats: run.repeats.map((repeat) => ({
        ...repeat,
        windowMs: 8000,
        timeline: sampleTimeline(8),
        incidents: [sampleIncident('fault', 'server 1 is killed', 2000, 4000)],
      })),
    }),
  );
  const folders: string[] = [];
  for (const run of runs) {
    const path = join(folder, run.name);
    const histograms = run.repeats.map(() => sampleHistograms(Array.from({ length: 2000 }, (_, i) => 500 + i)));
    await writeRun(path, run, histograms);
    folders.push(path);
  }
  const request = { title: 'A report', why: 'to be looked at', folders, effects: [], answers: [], knees: [] };
  return (await writeReport(request, join(folder, 'report.html'))).path;
}

async function open(options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
  const page = await browser.newPage(options);
  page.on('request', (request) => {
    if (request.url() !== url) complaints.push(`asked for ${request.url()}`);
  });
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url);
  return page;
}

/** The least contrast of any visible text with the page behind it (WCAG 2.2, relative luminance), and which text that is. */
function leastContrast(page: Page): Promise<{ ratio: number; text: string }> {
  return page.evaluate(() => {
    const rgb = (color: string) => (/\d+(?:\.\d+)?/g[Symbol.match](color) ?? []).map(Number);
    const luminance = ([r = 0, g = 0, b = 0]: number[]) => {
      const [lr = 0, lg = 0, lb = 0] = [r, g, b].map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * lr + 0.7152 * lg + 0.0722 * lb;
    };
    const paper = luminance(rgb(getComputedStyle(document.body).backgroundColor));
    let least = { ratio: Number.POSITIVE_INFINITY, text: '' };
    for (const element of document.querySelectorAll('h1,h2,h3,p,a,th,td,summary,svg text')) {
      const style = getComputedStyle(element);
      const ink = luminance(rgb(element instanceof SVGElement ? style.fill : style.color));
      const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
      if (ratio < least.ratio) least = { ratio, text: `${element.tagName}: ${element.textContent}` };
    }
    return least;
  });
}

describe.skipIf(browserPath === undefined)('a report in a browser (skipped without chromium)', () => {
  it('draws its charts, loads nothing and complains of nothing', async () => {
    const page = await open();
    const boxes = await page.locator('svg[role=img]').all();
    expect(boxes.length).toBeGreaterThanOrEqual(5);
    for (const svg of boxes) {
      const { width, height } = (await svg.boundingBox())!;
      expect(width).toBeGreaterThan(500);
      expect(height).toBeGreaterThan(150);
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  it.each(['light', 'dark'] as const)('can be read in %s', async (colorScheme) => {
    const page = await open({ colorScheme });
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(background).toBe(colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(23, 24, 26)');
    const { ratio, text } = await leastContrast(page);
    // WCAG 2.2, 1.4.3.
    expect(ratio, text).toBeGreaterThanOrEqual(4.5);
    await page.close();
  });

  it('is no wider than a phone: what is wider scrolls in a box of its own', async () => {
    const page = await open({ viewport: { width: 390, height: 844 } });
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    expect(widths[0]).toBeLessThanOrEqual(widths[1]!);
    await page.close();
  });

  it('is gone through by the keyboard: contents, charts, tables, what is folded', async () => {
    const page = await open();
    const visited = new Set<string>();
    let opened = false;
    for (let presses = 0; presses < 80; presses++) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => {
        const focused = document.activeElement!;
        const { outlineStyle } = getComputedStyle(focused);
        return { what: focused.className || focused.tagName, isShown: outlineStyle !== 'none' };
      });
      if (at.what === 'BODY') break;
      expect(at.isShown, at.what).toBe(true);
      visited.add(at.what);
      if (at.what === 'SUMMARY' && !opened) {
        await page.keyboard.press('Enter');
        opened = await page.evaluate(() => (document.activeElement!.parentElement as HTMLDetailsElement).open);
      }
    }
    expect([...visited].sort()).toEqual(['A', 'SUMMARY', 'chart', 'wide']);
    expect(opened).toBe(true);
    await page.keyboard.press('Home');
    await page.locator('nav a').last().focus();
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => window.scrollY)).toBeGreaterThan(0);
    await page.close();
  });

  it('prints everything, what is folded as well, and no contents to click', async () => {
    const page = await open({ colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('nav').isVisible()).toBe(false);
    // Dark paper is for screens.
    expect(await page.evaluate(() => getComputedStyle(document.body).color)).toBe('rgb(28, 28, 28)');
    // Nobody scrolls on paper. A4, at 96 pixels an inch, without margins of 1 cm.
    await page.setViewportSize({ width: 718, height: 1000 });
    for (const wide of await page.locator('.wide, .chart').all()) {
      const [content = 0, box = 0] = await wide.evaluate((element) => [element.scrollWidth, element.clientWidth]);
      expect(content, (await wide.textContent()) ?? '').toBeLessThanOrEqual(box);
    }
    for (const table of await page.locator('details table').all()) {
      expect((await table.boundingBox())?.height ?? 0).toBeGreaterThan(20);
    }
    expect((await page.pdf()).length).toBeGreaterThan(10_000);
    await page.close();
  });
});
