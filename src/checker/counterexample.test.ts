import { describe, expect, it } from 'vitest';
import { counterexampleOf } from './counterexample.ts';
import { HistoryRecorder, type Operation } from './history.ts';
import { type KeyValueInput, type KeyValueOutput, keyValueModel } from './models/keyValue.ts';
import { diagramOf } from './timeline/diagram.ts';
import { renderSvg } from './timeline/svg.ts';
import { renderText } from './timeline/text.ts';

type KeyValueOperation = Operation<KeyValueInput, KeyValueOutput>;

function staleRead(value = 'a'): KeyValueOperation[] {
  const recorder = new HistoryRecorder<KeyValueInput, KeyValueOutput>();
  const put = (client: number, text: string) => recorder.invoke(client, 'k', { kind: 'put', value: text }, 10 * client);
  recorder.ok(put(1, value), undefined, 15);
  const lost = put(10, 'b');
  const seen = recorder.invoke(2, 'k', { kind: 'get' }, 110);
  recorder.unknown(lost, 120);
  recorder.ok(seen, 'b', 130);
  const stale = recorder.invoke(2, 'k', { kind: 'get' }, 140);
  recorder.ok(stale, value, 150);
  return recorder.operations();
}

/** Open and closed tags of an SVG, as a check that they nest. */
function unclosedTags(svg: string): string[] {
  const open: string[] = [];
  for (const [, slash, name, selfClosing] of svg.matchAll(/<(\/?)([a-zA-Z]+)(?:"[^"]*"|[^">])*?(\/?)>/g)) {
    if (slash === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> closes something else`);
    } else if (selfClosing !== '/') open.push(name!);
  }
  return open;
}

describe('a counterexample as text', () => {
  it('draws a row for each client, numbers the prefix and marks what does not fit', () => {
    const { text } = counterexampleOf(keyValueModel, staleRead());
    expect(text).toBe(
      [
        'key-value store, key "k": not linearizable',
        '',
        'client 1  │ ├ #1 put a ─┤',
        'client 2  │                 ├ #3 get → b ─┤ ├ ✗ get → a ─┤',
        'client 10 │               ├┄┄┄┄┄┄┄┄┄ #2 put b → ? ┄┄┄┄┄┄┄┄┄▷',
        '',
        'longest linearizable prefix:',
        '  at first   ⇒ (none)',
        '  #1 client 1: put a   ⇒ a',
        '  #2 client 10: put b → ?   ⇒ b',
        '  #3 client 2: get → b   ⇒ b',
        'then the value is b, and no order places all of:',
        '  ✗ client 2: get → a, invoked at 140, returned at 150',
        '',
      ].join('\n'),
    );
  });

  it('says so when there is nothing wrong', () => {
    const operations = staleRead().slice(0, 3);
    expect(renderText(diagramOf(keyValueModel, { operations, culprits: new Set() }))).toContain(
      'every operation is placed',
    );
  });

  it('gives a client that has several operations open a row for each', () => {
    const operations = staleRead().map((operation) => ({ ...operation, client: 7 }));
    const { lanes } = diagramOf(keyValueModel, { operations, culprits: new Set() });
    expect(lanes.map(({ client, bars }) => [client, bars.length])).toEqual([
      ['7', 2],
      ['', 2],
    ]);
  });
});

describe('a counterexample as SVG', () => {
  it('is well formed, numbers the prefix and leaves unknown outcomes open', () => {
    const { svg } = counterexampleOf(keyValueModel, staleRead());
    expect(unclosedTags(svg)).toEqual([]);
    expect(svg.match(/<circle /g)).toHaveLength(3 + 1);
    expect(svg).toContain('>✗ get → a</text>');
    expect(svg).toContain('fill="url(#open-context)"');
    expect(svg).toContain('not linearizable');
  });

  it('escapes what clients wrote, and shortens what is long in the middle', () => {
    const { svg } = counterexampleOf(keyValueModel, staleRead(`<script>&"\u0007${'x'.repeat(200)}end`));
    expect(unclosedTags(svg)).toEqual([]);
    expect(svg).not.toContain('<script>');
    expect(svg).toContain('&lt;script&gt;&amp;&quot;�');
    expect(svg).toMatch(/x…x+end<\/text>/);
  });

  it('comes out the same every time, and for no operations at all', () => {
    expect(counterexampleOf(keyValueModel, staleRead()).svg).toBe(counterexampleOf(keyValueModel, staleRead()).svg);
    const empty = diagramOf(keyValueModel, { operations: [], culprits: new Set<KeyValueOperation>() });
    expect(unclosedTags(renderSvg(empty))).toEqual([]);
  });

  it('keeps every bar wide enough for its label and every column in order', () => {
    const { svg } = counterexampleOf(keyValueModel, staleRead('a value of some length'));
    const starts = [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)];
    expect(starts.length).toBeGreaterThan(0);
    expect(starts.every(([, x, width]) => Number(x) > 0 && Number(width) > 20)).toBe(true);
  });
});
