import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settingsTable } from './setup/settingsTable.ts';

const DOCS = ['README.md', 'CONTRIBUTING.md', ...readdirSync('docs').map((name) => join('docs', name))].filter((path) =>
  path.endsWith('.md'),
);
const PATH = /`((?:src|test|docs|proto|configs|bin)\/[\w./-]+)`/g;
const LINK = /\]\(([\w./-]*)(?:#([\w-]+))?\)/g;

/** As GitHub makes it of a heading. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe.each(DOCS)('%s', (path) => {
  const text = readFileSync(path, 'utf8');

  it('names files that are there', () => {
    const missing = [...text.matchAll(PATH)].map(([, name]) => name!).filter((name) => !existsSync(name));
    expect(missing).toEqual([]);
  });

  it('has links that lead somewhere', () => {
    const broken = [...text.matchAll(LINK)].filter(([, to, anchor]) => {
      const target = to === '' ? path : join(dirname(path), to!);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchors(readFileSync(target, 'utf8')).includes(anchor);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });
});

it('the glossary names files that are there, in the folders of its headings', () => {
  const text = readFileSync('docs/glossary.md', 'utf8');
  const missing: string[] = [];
  for (const section of text.split(/^## /m).slice(1)) {
    const [heading] = section.split('\n');
    const folders = [...heading!.matchAll(/`(src\/[\w/]+)\/`/g)].map(([, folder]) => folder!);
    for (const [, file] of section.matchAll(/`((?:parts\/)?\w+\.ts)`/g)) {
      if (!folders.some((folder) => existsSync(join(folder, file!)))) missing.push(`${heading}: ${file}`);
    }
  }
  expect(missing).toEqual([]);
});

it('the table of flags is that of the settings (RKV_REWRITE=1 writes it anew)', () => {
  const path = 'docs/operations.md';
  const text = readFileSync(path, 'utf8');
  const [, before, after] = /^(.*\n### Flags\n.*?\n\n)\|.*?\|(\n\n.*)$/s.exec(text)!;
  const right = `${before}${settingsTable()}${after}`;
  if (process.env.RKV_REWRITE === '1') writeFileSync(path, right);
  else expect(text).toBe(right);
});
