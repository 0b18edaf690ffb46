/**
 * The Huffman code of RFC 7541, Appendix B. It is canonical: codes follow from their lengths, which are given for the
 * symbols 0 to 255 and the end of string.
 */
const CODE_BITS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];
const END_OF_STRING = 256;

/**
 * The code as a machine that takes four bits a step: a state is an inner node of the code's tree. A step is
 * `next state << 9 | emits << 8 | symbol`; no code is shorter than five bits, so a step emits one symbol at most.
 */
const FAILED = 0xffff;
const steps: Uint32Array = buildSteps();
/** Whether a string may end in a state: what is left of the last byte are at most seven bits, all ones. */
const mayEnd: Uint8Array = buildEnds();

function buildTree(): Int16Array[] {
  const order = CODE_BITS.map((_bits, symbol) => symbol).sort((a, b) => CODE_BITS[a]! - CODE_BITS[b]! || a - b);
  const children: Int16Array[] = [new Int16Array(2)];
  let code = 0;
  let bits = 0;
  for (const symbol of order) {
    code *= 2 ** (CODE_BITS[symbol]! - bits);
    bits = CODE_BITS[symbol]!;
    let node = 0;
    for (let at = bits - 1; at > 0; at--) {
      const bit = Math.floor(code / 2 ** at) & 1;
      if (children[node]![bit] === 0) {
        children[node]![bit] = children.length;
        children.push(new Int16Array(2));
      }
      node = children[node]![bit]!;
    }
    // Leaves are negative, so that they differ from nodes.
    children[node]![code & 1] = -1 - symbol;
    code++;
  }
  return children;
}

function buildSteps(): Uint32Array {
  const children = buildTree();
  const table = new Uint32Array(children.length * 16);
  for (let state = 0; state < children.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      let emitted = 0;
      for (let bit = 3; bit >= 0 && node !== FAILED; bit--) {
        const child = children[node]![(nibble >> bit) & 1]!;
        if (child >= 0) node = child;
        else if (child === -1 - END_OF_STRING) node = FAILED;
        else {
          emitted = 0x100 | (-1 - child);
          node = 0;
        }
      }
      table[state * 16 + nibble] = (node << 9) | emitted;
    }
  }
  return table;
}

function buildEnds(): Uint8Array {
  const children = buildTree();
  const ends = new Uint8Array(children.length);
  for (let bits = 0, node = 0; bits < 8; bits++) {
    ends[node] = 1;
    node = children[node]![1]!;
  }
  return ends;
}

let scratch = Buffer.allocUnsafe(1024);

/** Text coded between two places, one character a byte; undefined where it is no valid code. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  // Five bits a symbol at least.
  const lengthMax = Math.floor(((end - start) * 8) / 5);
  if (scratch.length < lengthMax) scratch = Buffer.allocUnsafe(lengthMax);
  let length = 0;
  let state = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = steps[state * 16 + ((byte >> shift) & 15)]!;
      if ((step & 0x100) !== 0) scratch[length++] = step & 0xff;
      state = step >> 9;
      if (state === FAILED) return undefined;
    }
  }
  return mayEnd[state] === 1 ? scratch.toString('latin1', 0, length) : undefined;
}
