/** What a field is to a server: those it looks at in every request have a kind of their own, so that names are compared once. */
export const FieldKind = {
  Regular: 0,
  /** No request may have it (RFC 9113, 8.2). */
  Malformed: 1,
  /** A pseudo-header that requests do not have. */
  UnknownPseudo: 2,
  Method: 3,
  Scheme: 4,
  Path: 5,
  Authority: 6,
  ContentType: 7,
  ContentLength: 8,
  GrpcTimeout: 9,
  GrpcEncoding: 10,
} as const;
export type FieldKind = (typeof FieldKind)[keyof typeof FieldKind];

/** RFC 7541, 4.1. */
const OVERHEAD_BYTES = 32;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const BAD_VALUE = /[\0\r\n]|^[ \t]|[ \t]$/;
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);
const KINDS: ReadonlyMap<string, FieldKind> = new Map<string, FieldKind>([
  [':method', FieldKind.Method],
  [':scheme', FieldKind.Scheme],
  [':path', FieldKind.Path],
  [':authority', FieldKind.Authority],
  ['content-type', FieldKind.ContentType],
  ['content-length', FieldKind.ContentLength],
  ['grpc-timeout', FieldKind.GrpcTimeout],
  ['grpc-encoding', FieldKind.GrpcEncoding],
]);

/** A header field, one character a byte, and what is to be known of it: it is made once and found by its index after that. */
export class HeaderField {
  readonly name: string;
  readonly value: string;
  readonly kind: FieldKind;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.kind = kindOf(name, value);
  }

  /** What it counts in tables and lists. */
  get bytes(): number {
    return this.name.length + this.value.length + OVERHEAD_BYTES;
  }
}

function kindOf(name: string, value: string): FieldKind {
  if (BAD_VALUE.test(value)) return FieldKind.Malformed;
  const kind = KINDS.get(name);
  if (kind !== undefined) return kind;
  if (name.startsWith(':')) return FieldKind.UnknownPseudo;
  if (!NAME.test(name) || CONNECTION_FIELDS.has(name)) return FieldKind.Malformed;
  if (name === 'te' && value !== 'trailers') return FieldKind.Malformed;
  return FieldKind.Regular;
}
