import fc from 'fast-check';

/**
 * Inputs that are nearly right: what is valid, with a few changes of the kinds that decoders stumble over. Where in the input one is stands as
 * a share of its length, so that it means something for an input of any length, and shrinks towards the beginning.
 */
const PLACES = 1 << 16;
const EDITS_MAX = 4;
/** Where something is repeated; the time of what reads more than once what it reads goes by it. */
const INPUT_LENGTH_MAX = 64 * 1024;

interface Sequence<S> {
  readonly length: number;
  slice(from: number, to?: number): S;
}

const place = fc.nat(PLACES - 1);

function at(share: number, length: number): number {
  return Math.floor((share / PLACES) * (length + 1));
}

/** The varints at which something overflows, and those that are malformed. */
const NUMBERS: readonly (readonly number[])[] = [
  [0],
  [1],
  [0x7f],
  [0x80, 0x01],
  [0x80, 0x00],
  // 2^31 - 1, 2^31, 2^32 - 1, 2^32.
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0x80, 0x80, 0x80, 0x80, 0x08],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  // 2^53 - 1, 2^53, 2^64 - 1 in its ten bytes, and one byte more than there are.
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];

type Edit<S> = (input: S) => S;
type Join<S> = (parts: readonly S[]) => S;

/** Of bytes and of texts alike. `piece`: what is put in. */
function commonEdits<S extends Sequence<S>>(piece: fc.Arbitrary<S>, join: Join<S>): fc.WeightedArbitrary<Edit<S>>[] {
  const splice = (input: S, from: number, length: number, put: readonly S[]) =>
    join([input.slice(0, from), ...put, input.slice(from + length)]);
  const cut = place.map(
    (share): Edit<S> =>
      (input) =>
        input.slice(0, at(share, input.length)),
  );
  const drop = fc.tuple(place, fc.integer({ min: 1, max: 16 })).map(
    ([share, length]): Edit<S> =>
      (input) =>
        splice(input, at(share, input.length), length, []),
  );
  const put = fc.tuple(place, piece, fc.nat(8)).map(
    ([share, what, over]): Edit<S> =>
      (input) =>
        splice(input, at(share, input.length), over, [what]),
  );
  const repeat = fc
    .tuple(place, fc.integer({ min: 1, max: 32 }), fc.oneof({ weight: 9, arbitrary: fc.nat(8) }, fc.nat(8192)))
    .map(
      ([share, length, times]): Edit<S> =>
        (input) => {
          const from = at(share, input.length);
          const what = input.slice(from, from + length);
          const room = Math.max(0, INPUT_LENGTH_MAX - input.length);
          const count = Math.min(times, Math.floor(room / Math.max(1, what.length)));
          return splice(
            input,
            from,
            0,
            Array.from({ length: count }, () => what),
          );
        },
    );
  return [
    { weight: 2, arbitrary: cut },
    { weight: 2, arbitrary: drop },
    { weight: 3, arbitrary: put },
    { weight: 1, arbitrary: repeat },
  ];
}

/** Valid inputs, mostly changed; two of them, spliced; and now and then anything at all. */
function changed<S extends Sequence<S>>(
  valid: fc.Arbitrary<S>,
  anything: fc.Arbitrary<S>,
  edits: fc.WeightedArbitrary<Edit<S>>[],
  join: Join<S>,
): fc.Arbitrary<S> {
  const edit = fc.oneof(...edits);
  const edited = fc
    .tuple(valid, fc.array(edit, { minLength: 1, maxLength: EDITS_MAX }))
    .map(([input, list]) => list.reduce((whole, each) => each(whole), input));
  const spliced = fc
    .tuple(valid, valid, place, place)
    .map(([first, second, end, from]) =>
      join([first.slice(0, at(end, first.length)), second.slice(at(from, second.length))]),
    );
  return fc.oneof(
    { weight: 3, arbitrary: valid },
    { weight: 12, arbitrary: edited },
    { weight: 3, arbitrary: spliced },
    { weight: 1, arbitrary: anything },
  );
}

const joinBytes: Join<Uint8Array> = (parts) => new Uint8Array(Buffer.concat(parts));

const flip = fc.tuple(place, fc.nat(7)).map(
  ([share, bit]): Edit<Uint8Array> =>
    (input) => {
      const bytes = Uint8Array.from(input);
      const where = Math.min(at(share, bytes.length), bytes.length - 1);
      if (where >= 0) bytes[where] = bytes[where]! ^ (1 << bit);
      return bytes;
    },
);

const extreme = fc.tuple(place, fc.constantFrom(...NUMBERS)).map(
  ([share, number]): Edit<Uint8Array> =>
    (input) => {
      const from = at(share, input.length);
      // In the place of the varint that stands there, if one does.
      let to = from;
      while (to < input.length && input[to]! >= 0x80) to++;
      return joinBytes([input.slice(0, from), Uint8Array.from(number), input.slice(to + 1)]);
    },
);

const someBytes = fc.uint8Array({ minLength: 1, maxLength: 12 });

export type ByteEdit = Edit<Uint8Array>;

const BYTE_EDITS = [
  ...commonEdits(someBytes, joinBytes),
  { weight: 4, arbitrary: flip },
  { weight: 4, arbitrary: extreme },
];

/** One change of bytes. */
export const byteEdit: fc.Arbitrary<ByteEdit> = fc.oneof(...BYTE_EDITS);

/** Nearly valid bytes, in a buffer of their own each time. */
export function damagedBytes(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const anything = fc.uint8Array({ maxLength: 80 });
  return changed(valid, anything, BYTE_EDITS, joinBytes).map((bytes) => Uint8Array.from(bytes));
}

/** Nearly valid texts. `words`: what means something to who reads them. */
export function damagedText(valid: fc.Arbitrary<string>, words: readonly string[]): fc.Arbitrary<string> {
  const join: Join<string> = (parts) => parts.join('');
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...words) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }) },
  );
  return changed(valid, fc.string({ unit: 'binary', maxLength: 80 }), commonEdits(piece, join), join);
}

/** A number that fits, most of the time, or one where something overflows. */
export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  { weight: 8, arbitrary: fc.nat(300) },
  { weight: 1, arbitrary: fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER) },
);
