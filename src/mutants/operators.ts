import { parseSync } from 'oxc-parser';

/** The kinds of mistakes: each is one that people make. */
export const OPERATORS = [
  'negate',
  'bound',
  'off by one',
  'half',
  'drop',
  'swap',
  'move',
  'extreme',
  'clamp',
  'overwrite',
  'early',
  'flip',
] as const;
export type Operator = (typeof OPERATORS)[number];

/** One mistake in one file. */
export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly operator: Operator;
  /** Class and method, or function, that it is in. */
  readonly within: string;
  readonly original: string;
  readonly mutated: string;
  /** Names it as long as the code that it is in stays what it is: lines may move. */
  readonly key: string;
  readonly weave: Weave;
}

/** How it gets into the code beside all others. */
export type Weave =
  | { readonly kind: 'expression'; readonly start: number; readonly end: number; readonly text: string }
  | { readonly kind: 'drop'; readonly start: number; readonly end: number }
  /** What is from `start` to `end` comes before what is at `before`. */
  | { readonly kind: 'hoist'; readonly before: number; readonly start: number; readonly end: number };

/** A node of an ESTree, as much of it as is asked here. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const NEGATED: Readonly<Record<string, string>> = {
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
  '===': '!==',
  '!==': '===',
};
const MOVED: Readonly<Record<string, string>> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>' };
const EXTREMES: Readonly<Record<string, string>> = { min: 'max', max: 'min' };
/** What waits for a write, and what goes at once. */
const EARLIER: readonly (readonly [RegExp, string])[] = [
  [/\bsendAfterPersist$/, 'send'],
  [/\boutboxAfterAppend\.push$/, 'outbox.push'],
];
/** A rule of this program is broken, and its server stops: what came before or after makes no difference to it. */
const STOP = /\bbroken\(/;
/** Of the language: what two statements have both says nothing of them. */
const WORDS = ['this', 'const', 'if', 'for', 'of', 'undefined', 'return', 'length'];
const REPORT = /^[\w.#]*\b(events\.push|event)\(/;
const TEXT_LENGTH_MAX = 160;
/** Types have no code; these hold expressions. */
const TYPED_EXPRESSIONS = new Set(['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression']);
const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
const LOOPS = new Set(['ForOfStatement', 'ForInStatement', 'ForStatement', 'WhileStatement', 'DoWhileStatement']);
const LEAVING = new Set(['ReturnStatement', 'ContinueStatement', 'BreakStatement']);

/** Every mistake of the kinds above that can be made in a file's functions. What is evaluated once, at import, is left as it is. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const { program, errors } = parseSync(file, source, { lang: 'ts', preserveParens: false });
  if (errors.length > 0) throw new Error(`${file} cannot be read: ${errors[0]!.message}`);
  const finder = new Finder(file, source);
  finder.visit(program as unknown as Node);
  return finder.mutants;
}

class Finder {
  readonly mutants: Mutant[] = [];
  private readonly file: string;
  private readonly source: string;
  private readonly names: string[] = [];
  private readonly occurrences = new Map<string, number>();
  private functions = 0;
  private line = { offset: 0, number: 1 };

  constructor(file: string, source: string) {
    this.file = file;
    this.source = source;
  }

  visit(node: Node): void {
    if (node.type.startsWith('TS') && !TYPED_EXPRESSIONS.has(node.type)) return;
    if (this.isReport(node)) return;
    const name = nameOf(node);
    if (name !== undefined) this.names.push(name);
    const isFunction = FUNCTIONS.has(node.type);
    if (isFunction) this.functions++;
    if (this.functions > 0) this.mutate(node);
    for (const child of childrenOf(node)) this.visit(child);
    if (isFunction) this.functions--;
    if (name !== undefined) this.names.pop();
  }

  /** An event for the record, and the condition of nothing but one: nobody decides by what is only reported. */
  private isReport(node: Node): boolean {
    if (node.type === 'IfStatement' && node.alternate == null) return this.isReport(node.consequent as Node);
    return node.type === 'ExpressionStatement' && REPORT.test(this.text(node));
  }

  private mutate(node: Node): void {
    switch (node.type) {
      case 'BinaryExpression':
        this.mutateBinary(node);
        break;
      case 'LogicalExpression':
        this.mutateLogical(node);
        break;
      case 'UnaryExpression':
        if (node.operator === '!') this.replace('negate', node, this.text(node.argument as Node));
        break;
      case 'IfStatement':
      case 'ConditionalExpression':
      case 'WhileStatement':
        this.mutateTest(node.test as Node);
        break;
      case 'CallExpression':
        for (const argument of node.arguments as Node[]) this.mutateTruth(argument);
        this.mutateCall(node);
        break;
      case 'ReturnStatement':
        this.mutateTruth(node.argument as Node | null);
        break;
      case 'AssignmentExpression':
        this.mutateAssignment(node);
        break;
      case 'AssignmentPattern':
        this.mutateTruth(node.right as Node);
        break;
      case 'Property':
        this.mutateTruth(node.value as Node);
        break;
      case 'BlockStatement':
        this.mutateStatements(node.body as Node[]);
        break;
      case 'SwitchCase':
        this.mutateStatements(node.consequent as Node[]);
        break;
      default:
        if (LOOPS.has(node.type)) this.drop(node);
    }
  }

  private mutateBinary(node: Node): void {
    const operator = node.operator as string;
    const [left, right] = [node.left as Node, node.right as Node];
    const other = (by: string) => `${this.operand(left)} ${by} ${this.operand(right)}`;
    if (NEGATED[operator] !== undefined) this.replace('negate', node, other(NEGATED[operator]));
    if (MOVED[operator] !== undefined && !this.isCountAndZero(operator, left, right))
      this.replace('bound', node, other(MOVED[operator]));
    if ((operator === '+' || operator === '-') && this.text(right) === '1') {
      this.replace('off by one', node, this.text(left));
    }
  }

  /** No count is below zero: with this bound moved, the condition would hold always, which negating it shows as well. */
  private isCountAndZero(operator: string, left: Node, right: Node): boolean {
    return (
      (operator === '>' || operator === '<=') && this.text(right) === '0' && /\.(length|size)$/.test(this.text(left))
    );
  }

  private mutateLogical(node: Node): void {
    if (node.operator === '??') return;
    this.replace('half', node, this.text(node.left as Node));
    this.replace('half', node, this.text(node.right as Node));
  }

  /** What is a comparison or begins with a `!` is negated where it stands. */
  private mutateTest(test: Node): void {
    if (test.type === 'BinaryExpression' && NEGATED[test.operator as string] !== undefined) return;
    if (test.type === 'UnaryExpression' && test.operator === '!') return;
    this.replace('negate', test, `!(${this.text(test)})`);
  }

  private mutateCall(node: Node): void {
    const callee = node.callee as Node;
    const given = node.arguments as Node[];
    const call = this.text(node);
    const withCallee = (text: string) => text + call.slice(callee.end - node.start);
    const name = this.text(callee);
    for (const [late, early] of EARLIER) {
      if (late.test(name)) this.replace('early', node, withCallee(name.replace(late, early)));
    }
    if (callee.type !== 'MemberExpression' || this.text(callee.object as Node) !== 'Math') return;
    const other = EXTREMES[this.text(callee.property as Node)];
    if (other === undefined) return;
    this.replace('extreme', node, withCallee(`Math.${other}`));
    const areValues = given.length === 2 && given.every(({ type }) => type !== 'SpreadElement');
    if (areValues) for (const one of given) this.replace('clamp', node, this.text(one));
  }

  private mutateAssignment(node: Node): void {
    this.mutateTruth(node.right as Node);
    if (node.operator !== '||=' && node.operator !== '??=') return;
    this.replace('overwrite', node, `${this.text(node.left as Node)} = ${this.text(node.right as Node)}`);
  }

  private mutateTruth(value: Node | null): void {
    if (value?.type !== 'Literal' || typeof value.value !== 'boolean') return;
    this.replace('flip', value, String(!value.value));
  }

  private mutateStatements(statements: readonly Node[]): void {
    statements.forEach((statement, at) => {
      if (this.isReport(statement)) return;
      const isLast = at === statements.length - 1;
      const isCall = (statement.expression as Node | undefined)?.type === 'CallExpression';
      const isSuper = isCall && this.text(statement).startsWith('super(');
      if (isSuper) return;
      if (statement.type === 'ExpressionStatement') this.drop(statement);
      if (LEAVING.has(statement.type) && !isLast) this.drop(statement);
      if (statement.type === 'IfStatement' && statement.alternate == null && isGuard(statement)) this.drop(statement);
      const next = statements[at + 1];
      if (next === undefined) return;
      if (this.mayMatter(statement, next)) this.hoist('swap', statement, next);
      else if (this.mayMove(statement, next)) this.hoist('move', statement, next);
    });
    for (const { type, consequent, alternate } of statements) {
      if (type !== 'IfStatement') continue;
      for (const branch of [consequent, alternate] as (Node | null)[]) {
        if (branch?.type === 'ExpressionStatement' && !this.isReport(branch)) this.drop(branch);
      }
    }
  }

  /** Whether the order of two statements can make a difference: one of them calls something, or they share a name. */
  private mayMatter(first: Node, second: Node): boolean {
    if (first.type !== 'ExpressionStatement' || second.type !== 'ExpressionStatement') return false;
    if (this.isReport(second)) return false;
    if (this.text(first).startsWith('super(')) return false;
    const [one, other] = [this.text(first), this.text(second)];
    if (one === other) return false;
    if (areApart(first, second, one, other)) return false;
    if (one.includes('(') || other.includes('(')) return true;
    return this.shareName(one, other, ['this']);
  }

  /** What is done, and a condition or a loop beside it: one may come too early, as what is done before it is checked whether it may be. */
  private mayMove(first: Node, second: Node): boolean {
    const isStep = (node: Node) =>
      (node.type === 'ExpressionStatement' || node.type === 'IfStatement' || LOOPS.has(node.type)) &&
      !this.isReport(node) &&
      !STOP.test(this.text(node)) &&
      !this.text(node).startsWith('super(');
    const isCheck = (node: Node) => node.type === 'IfStatement' && isGuard(node);
    const isDone = (node: Node) => node.type === 'ExpressionStatement';
    if (!isStep(first) || !isStep(second) || (isDone(first) && isDone(second))) return false;
    if (isCheck(first) && isCheck(second)) return false;
    return isCheck(first) || isCheck(second) || this.shareName(this.text(first), this.text(second), WORDS);
  }

  private shareName(one: string, other: string, except: readonly string[]): boolean {
    const names = new Set(one.match(/[#\w]{2,}/g));
    for (const word of except) names.delete(word);
    return (other.match(/[#\w]{2,}/g) ?? []).some((name) => names.has(name));
  }

  private replace(operator: Operator, { start, end }: Node, text: string): void {
    const original = this.source.slice(start, end);
    this.add(operator, start, original, text, { kind: 'expression', start, end, text });
  }

  private drop({ start, end }: Node): void {
    this.add('drop', start, this.source.slice(start, end), '', { kind: 'drop', start, end });
  }

  private hoist(operator: Operator, first: Node, { start, end }: Node): void {
    const [one, other] = [this.text(first), this.source.slice(start, end)];
    const weave: Weave = { kind: 'hoist', before: first.start, start, end };
    this.add(operator, first.start, `${one} ${other}`, `${other} ${one}`, weave);
  }

  private add(operator: Operator, at: number, originalText: string, mutatedText: string, weave: Weave): void {
    const [original, mutated] = [oneLine(originalText), oneLine(mutatedText)];
    const within = this.names.join('.');
    const what = operator === 'drop' ? original : `${original} → ${mutated}`;
    const name = `${this.file} ${within}: ${operator} ${what}`;
    const before = this.occurrences.get(name) ?? 0;
    this.occurrences.set(name, before + 1);
    const key = before === 0 ? name : `${name} (${before + 1})`;
    this.mutants.push({ file: this.file, line: this.lineAt(at), operator, within, original, mutated, key, weave });
  }

  private lineAt(offset: number): number {
    if (offset < this.line.offset) this.line = { offset: 0, number: 1 };
    const passed = this.source.slice(this.line.offset, offset).split('\n').length - 1;
    this.line = { offset, number: this.line.number + passed };
    return this.line.number;
  }

  private text({ start, end }: Node): string {
    return this.source.slice(start, end);
  }

  /** With the parentheses around it, which no node holds: without them it would belong to another operator. */
  private operand({ start, end }: Node): string {
    const before = /\(\s*$/.exec(this.source.slice(0, start));
    const after = /^\s*\)/.exec(this.source.slice(end));
    const text = this.source.slice(start, end);
    return before === null || after === null ? text : `(${text})`;
  }
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= TEXT_LENGTH_MAX ? line : `${line.slice(0, TEXT_LENGTH_MAX)}…`;
}

/** Two assignments, neither of which is made from what the other gives. */
function areApart(first: Node, second: Node, one: string, other: string): boolean {
  const [left, right] = [first.expression as Node, second.expression as Node];
  if (left.type !== 'AssignmentExpression' || right.type !== 'AssignmentExpression') return false;
  const targetOf = (text: string) => text.split('=')[0]!.trim();
  return !mentions(other, targetOf(one)) && !mentions(one, targetOf(other));
}

/** As a name of its own: `a.record` is not in `a.recordEnd`. */
function mentions(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (!/[\w$]/.test(text.charAt(at + name.length))) return true;
  }
  return false;
}

/** A check: does nothing but leave where it holds. */
function isGuard(statement: Node): boolean {
  const body = statement.consequent as Node;
  const last = body.type === 'BlockStatement' ? (body.body as Node[]).at(-1) : body;
  return last !== undefined && (LEAVING.has(last.type) || last.type === 'ThrowStatement');
}

function nameOf(node: Node): string | undefined {
  const { type } = node;
  const named = (type === 'MethodDefinition' || type === 'PropertyDefinition' ? node.key : node.id) as
    | Node
    | null
    | undefined;
  if (!/^(Class|Method|Function|Property)/.test(type)) return undefined;
  if (named?.type === 'PrivateIdentifier') return `#${named.name}`;
  return typeof named?.name === 'string' ? named.name : undefined;
}

function* childrenOf(node: Node): Iterable<Node> {
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) yield* value.filter(isNode);
    else if (isNode(value)) yield value;
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}
