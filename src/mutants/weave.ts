import type { Mutant } from './operators.ts';

const SWITCH = 'isMutant$';

/** An opening or closing piece of text. */
interface Piece {
  readonly at: number;
  readonly isOpening: boolean;
  /** How much the piece's pair holds: wider ones are outside. */
  readonly width: number;
  readonly text: string;
}

/**
 * The source with all mutants in it, each behind a question to `active.ts` for its number: `first` plus its place in the list. What a mutant
 * puts in place of the original has no others in it, for one is in force at a time; so the code grows only by what stands there.
 */
export function weave(source: string, mutants: readonly Mutant[], first: number, switchFrom: string): string {
  const pieces: Piece[] = [];
  mutants.forEach(({ weave: woven }, i) => {
    const isActive = `${SWITCH}(${first + i})`;
    const { start, end } = woven;
    // Of equal pairs the later one is outside.
    const width = end - start + i / mutants.length;
    const around = (open: string, close: string) => {
      pieces.push({ at: start, isOpening: true, width, text: open }, { at: end, isOpening: false, width, text: close });
    };
    if (woven.kind === 'expression') around(`(${isActive} ? (${woven.text}) : (`, '))');
    else around(`{ if (!${isActive}) { `, ' } }');
    if (woven.kind === 'hoist') {
      const text = `if (${isActive}) { ${source.slice(start, end)} } `;
      pieces.push({ at: woven.before, isOpening: true, width: Number.POSITIVE_INFINITY, text });
    }
  });
  pieces.sort((a, b) => a.at - b.at || Number(a.isOpening) - Number(b.isOpening) || orderAt(a, b));
  let text = '';
  let done = 0;
  for (const { at, text: piece } of pieces) {
    text += source.slice(done, at) + piece;
    done = at;
  }
  return `${text}${source.slice(done)}\nimport { isActive as ${SWITCH} } from '${switchFrom}';\n`;
}

function orderAt(a: Piece, b: Piece): number {
  if (a.width === b.width) return 0;
  const isFirst = a.isOpening ? a.width > b.width : a.width < b.width;
  return isFirst ? -1 : 1;
}
