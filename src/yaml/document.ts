import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  Parser,
} from 'yaml';
import type { FileProblem } from './problems.ts';

/** Of a file. A cluster's, with 64 servers with an address and a folder each, takes a hundredth of it. */
export const FILE_BYTES_MAX = 1024 * 1024;
/** Words, marks and spaces, and brackets and commas among them: what the parser's time goes by. */
const LEXEMES_MAX = 250_000;
const FLOW_MARKS_MAX = 50_000;
/** Collections in collections. Our files need four; the parser's own recursion ends in a crash at some thousands. */
const DEPTH_MAX = 32;
/** Each costs the parser a walk through the whole file. */
const ALIASES_MAX = 256;
/** Values, those that aliases repeat counted each time. */
const VALUES_MAX = 100_000;
/** Problems of one kind that are looked into. */
export const PROBLEMS_MAX = 200;

export type YamlPath = readonly PropertyKey[];

/** A file's contents, and where each part of them stands. */
export interface YamlDocument {
  readonly value: unknown;
  /** The line of the value at `path`, or of its key `key`; of the nearest thing around it where it is not there. */
  lineOf(path: YamlPath, key?: string): number;
}

type Problems = readonly FileProblem[];

/** Reads one YAML document of plain values in a time that the file's size bounds, or says what is wrong and where. */
export function readYaml(text: string): YamlDocument | { readonly problems: Problems } {
  if (text.length > FILE_BYTES_MAX) {
    return { problems: [{ key: '', message: `too large: expected at most ${FILE_BYTES_MAX} bytes`, line: 1 }] };
  }
  const lines = new LineCounter();
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const notYaml = (offset: number, message: string): FileProblem => ({
    key: '',
    message: `not YAML: ${message}`,
    line: lineAt(offset),
  });
  const excess = tooMuch(text);
  if (excess !== undefined) return { problems: [{ key: '', message: `too large: ${excess}`, line: 1 }] };
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const misshapen = tooDeep(tokens);
  if (misshapen !== undefined) return { problems: [notYaml(misshapen.offset, misshapen.message)] };
  // Its own search for a key that is there twice takes the square of their number.
  const [document, another] = new Composer({ uniqueKeys: false, logLevel: 'error' }).compose(tokens, true, text.length);
  if (document === undefined) return { value: {}, lineOf: () => 1 };
  const problems = [...document.errors, ...document.warnings]
    .slice(0, PROBLEMS_MAX)
    .map(({ pos, message }) => notYaml(pos[0], message));
  if (another !== undefined) problems.push(notYaml(another.range[0], 'expected one document, got another one here'));
  if (problems.length === 0) {
    const walk = new Walk(document.contents);
    if (walk.problem !== undefined) problems.push(notYaml(walk.problem.offset, walk.problem.message));
  }
  if (problems.length > 0) return { problems };
  return {
    value: document.toJS({ maxAliasCount: -1 }) ?? {},
    lineOf: (path, key) => lineAt(offsetOf(document, path, key)),
  };
}

interface Misfit {
  readonly offset: number;
  readonly message: string;
}

/** What the parser had better not be given, counted in one pass. */
function tooMuch(text: string): string | undefined {
  let lexemes = 0;
  let flowMarks = 0;
  let aliases = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > LEXEMES_MAX) return `expected at most ${LEXEMES_MAX} words and marks`;
    if (lexeme.length === 1 && '[]{},'.includes(lexeme) && ++flowMarks > FLOW_MARKS_MAX) {
      return `expected at most ${FLOW_MARKS_MAX} brackets and commas`;
    }
    if (lexeme.startsWith('*') && ++aliases > ALIASES_MAX) return `expected at most ${ALIASES_MAX} aliases`;
  }
  return undefined;
}

/** Looks for collections in too many others, without recursion of its own. */
function tooDeep(tokens: readonly CST.Token[]): Misfit | undefined {
  const open = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    const { offset } = token;
    if (depth > DEPTH_MAX)
      return { offset, message: `expected at most ${DEPTH_MAX} lists and mappings in one another` };
    if (token.type === 'document') {
      if (token.value !== undefined) open.push({ token: token.value, depth });
    } else if ('items' in token) {
      for (const { key, value } of token.items) {
        if (key != null) open.push({ token: key, depth: depth + 1 });
        if (value != null) open.push({ token: value, depth: depth + 1 });
      }
    }
  }
  return undefined;
}

/** Visits every value of a document, as often as aliases repeat it, and ends at the first that our files cannot have. */
class Walk {
  problem: Misfit | undefined;
  private readonly anchors = new Map<string, Node>();
  /** What the value that is looked at stands in. */
  private readonly around = new Set<Node>();
  private values = 0;
  /** Where the alias stands that led to the value, if one did. */
  private followed: number | undefined;

  constructor(root: unknown) {
    this.visit(root, 0);
  }

  private fail(offset: number, message: string): void {
    this.problem ??= { offset, message };
  }

  /** `offset`: of what stands nearest before. */
  private visit(node: unknown, offset: number): void {
    if (this.problem !== undefined || !isNode(node)) return;
    const at = this.followed ?? node.range?.[0] ?? offset;
    if (++this.values > VALUES_MAX) {
      this.fail(at, `expected at most ${VALUES_MAX} values, those counted that aliases repeat`);
    } else if (isAlias(node)) {
      const target = this.anchors.get(node.source);
      if (target === undefined) this.fail(at, `the alias *${node.source} names nothing that stands before it`);
      else if (this.around.has(target)) this.fail(at, `the alias *${node.source} stands in what it stands for`);
      else this.follow(target, at);
    } else {
      // As soon as it is begun: an alias inside may name it, which is what is to be found out.
      if ('anchor' in node && node.anchor !== undefined) this.anchors.set(node.anchor, node);
      this.visitItems(node, at);
    }
  }

  private follow(target: Node, offset: number): void {
    const outermost = this.followed === undefined;
    this.followed ??= offset;
    this.visitItems(target, offset);
    if (outermost) this.followed = undefined;
  }

  private visitItems(node: Node, offset: number): void {
    if (!isCollection(node)) return;
    this.around.add(node);
    const keys = new Set<string>();
    for (const item of node.items) {
      if (!isPair(item)) {
        this.visit(item, offset);
        continue;
      }
      const at = this.followed ?? (isNode(item.key) ? (item.key.range?.[0] ?? offset) : offset);
      if (!isScalar(item.key) || isObject(item.key.value)) this.fail(at, 'expected a plain word as a key');
      else if (String(item.key.value) === '__proto__') this.fail(at, '__proto__ is no key');
      else if (keys.has(String(item.key.value)))
        this.fail(at, 'expected keys that are unique: this one is there twice');
      else keys.add(String(item.key.value));
      this.visit(item.key, at);
      this.visit(item.value, at);
    }
    this.around.delete(node);
  }
}

/** Such as the bytes that a tag makes of a text. */
function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function offsetOf(document: Document, path: YamlPath, key: string | undefined): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const step of key === undefined ? path : [...path, key]) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => String(item.key) === String(step));
      if (pair === undefined) break;
      // The key's line, not the value's: a value may begin on the line after.
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
      node = pair.value;
    } else {
      node = isNode(node) && 'items' in node && Array.isArray(node.items) ? node.items[Number(step)] : undefined;
      if (!isNode(node) || !node.range) break;
      offset = node.range[0];
    }
  }
  return offset;
}
