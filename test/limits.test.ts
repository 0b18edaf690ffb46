import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ServerMetrics } from '../src/server/observe/metrics.ts';
import { isSettingName, SETTING_NAMES, settingOf } from '../src/settings/table.ts';
import { defaultText } from '../src/settings/values.ts';

const TABLE = /\n## Limits\n.*?\n\|---\|---\|---\|---\|---\|\n(.*?)\n\n/s.exec(
  readFileSync('docs/operations.md', 'utf8'),
)![1]!;

interface Limit {
  readonly limit: string;
  readonly usual: string;
  readonly flag: string;
  readonly metrics: readonly string[];
  readonly said: string;
}

const named = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
const LIMITS: readonly Limit[] = TABLE.split('\n').map((row) => {
  const [limit, usual, flag, metrics, said] = row.slice(2, -2).split(' | ');
  return { limit: limit!, usual: usual!, flag: flag!, metrics: named(metrics!), said: said! };
});

/** All that servers may say: the program's text, pieces of it joined as it joins them. */
const SOURCES = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path) => readFileSync(join('src', path), 'utf8'));

/** N is any number, which the program puts there. */
function pattern(text: string): RegExp {
  const pieces = text.split(/\bN\b/).map((piece) => piece.replaceAll(/[.*+?^$()[\]{}|\\]/g, String.raw`\$&`));
  return new RegExp(pieces.join(String.raw`\$\{[^}]+\}`));
}

describe('the table of limits', () => {
  it('has as many as there are', () => {
    expect(LIMITS.length).toBeGreaterThanOrEqual(13);
  });

  it.each(LIMITS)('says truly by which flag it is set, and to what without it: $limit', ({ flag, usual }) => {
    if (flag.startsWith('none: ')) {
      expect(flag.length).toBeGreaterThan(20);
      return;
    }
    const [name] = named(flag);
    const setting = name!.slice(1);
    expect(isSettingName(setting)).toBe(true);
    if (!isSettingName(setting)) return;
    expect(usual.replaceAll(/(?<=\d) (?=\d)/g, '').split(':')[0]).toBe(defaultText(setting));
  });

  it.each(LIMITS)('names metrics that servers have: $limit', ({ metrics }) => {
    const { registry } = new ServerMetrics();
    expect(metrics.length).toBeGreaterThan(0);
    for (const name of metrics) expect(registry.getSingleMetric(`raft_server_${name}`), name).toBeDefined();
  });

  it.each(LIMITS)('has the words of the program: $limit', ({ said }) => {
    for (const text of named(said)) {
      const isThere = SOURCES.some((source) => pattern(text.replace(/: see -maxvalue$/, '')).test(source));
      expect(isThere, text).toBe(true);
    }
    if (named(said).length === 0) expect(said).toMatch(/^nothing/);
  });

  it('has every flag that is one', () => {
    const flags = new Set(LIMITS.flatMap(({ flag }) => (flag.startsWith('none: ') ? [] : named(flag))));
    const limits = SETTING_NAMES.filter(
      (name) => /^max|memory$|timeout$/.test(name) && settingOf(name).kind !== 'bool',
    );
    expect(limits.length).toBeGreaterThan(5);
    expect(limits.filter((name) => !flags.has(`-${name}`))).toEqual([]);
  });
});
