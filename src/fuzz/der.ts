/** DER, as far as certificates and lists need it. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), body]);
}

export const SEQUENCE = 0x30;
const SET = 0x31;
export const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
export const nameOf = (commonName: string) =>
  der(SEQUENCE, der(SET, der(SEQUENCE, oid('550403'), der(0x0c, Buffer.from(commonName)))));
export const ECDSA_SHA256 = der(SEQUENCE, oid('2a8648ce3d040302'));
