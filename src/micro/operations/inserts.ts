import type { Modules } from '../operation.ts';

const KEY_BYTES = 8;
const VALUE_BYTES = 16;

/** Makes marshalled inserts, as rkv-bench sends them. */
export async function insertOf(
  modules: Modules,
): Promise<(clientId: number, clientSeq: number, key: number) => Uint8Array> {
  const { encodeInsert } = await modules.load<typeof import('../../wire/command.ts')>('wire/command.ts');
  const value = new Uint8Array(VALUE_BYTES).fill(0x76);
  const utf8 = new TextEncoder();
  return (clientId, clientSeq, key) =>
    encodeInsert(clientId, clientSeq, utf8.encode(String(key).padStart(KEY_BYTES, '0')), value);
}
