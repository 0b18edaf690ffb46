import { type Metadata, status } from '@grpc/grpc-js';
import { encodeFields } from '../http2/hpackEncoder.ts';

export interface GrpcError {
  readonly code?: status | null;
  readonly details?: string;
  readonly message?: string;
  readonly metadata?: Partial<Metadata> | null;
}

const CONTENT_TYPE = 'application/grpc+proto';
/** Of a text beside a status: a client takes some 8 KiB of headers. */
const DETAILS_BYTES_MAX = 4096;

type Field = readonly [name: string, value: string];

const BEGINNING: readonly Field[] = [
  [':status', '200'],
  ['content-type', CONTENT_TYPE],
];

/** How every answer begins that has messages. */
export const RESPONSE_BLOCK = encodeFields(BEGINNING);
const OK_BLOCK = encodeFields([['grpc-status', '0']]);

/** What ends an answer that went well. */
export function okBlock(metadata: Metadata | undefined): Buffer {
  if (metadata === undefined) return OK_BLOCK;
  return encodeFields([['grpc-status', '0'], ...fieldsOf(metadata)]);
}

/** What ends an answer that failed; with `isWhole`, what it consists of. */
export function errorBlock(error: GrpcError, isWhole: boolean): Buffer {
  return encodeFields([...(isWhole ? BEGINNING : []), ...errorFields(error)]);
}

function errorFields({ code, details, message, metadata }: GrpcError): Field[] {
  return [
    ['grpc-status', String(code ?? status.UNKNOWN)],
    ['grpc-message', percentEncode(details ?? message ?? 'Unknown Error')],
    ...(metadata?.toHttp2Headers === undefined ? [] : fieldsOf(metadata as Metadata)),
  ];
}

const refusals = new WeakMap<GrpcError, Buffer>();

/** What an answer consists of that refuses a call before anything is done for it. Encoded once: the same is mostly given again and again. */
export function refusalBlock(error: GrpcError): Buffer {
  let block = refusals.get(error);
  if (block === undefined) {
    block = errorBlock(error, true);
    refusals.set(error, block);
  }
  return block;
}

/** The answer to a call whose encoding this server does not take. */
export function encodingRefusal(error: GrpcError): Buffer {
  return encodeFields([...BEGINNING, ...errorFields(error), ['grpc-accept-encoding', 'identity']]);
}

/** An answer in HTTP's words, for what is no gRPC. */
export function httpBlock(httpStatus: number): Buffer {
  return encodeFields([[':status', String(httpStatus)]]);
}

function fieldsOf(metadata: Metadata): Field[] {
  return Object.entries(metadata.toHttp2Headers()).flatMap(([name, values]) =>
    [values ?? []].flat().map((value): Field => [name, String(value)]),
  );
}

/** What stands for itself. */
const PLAIN = /^[ -$&-~]*$/;

/** As gRPC over HTTP/2 has it: what is not printable ASCII, and the sign itself, as the bytes of its UTF-8. */
export function percentEncode(text: string): string {
  if (text.length <= DETAILS_BYTES_MAX && PLAIN.test(text)) return text;
  const bytes = Buffer.from(text);
  let encoded = '';
  for (let i = 0; i < bytes.length && encoded.length < DETAILS_BYTES_MAX; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x20 && byte <= 0x7e && byte !== 0x25) encoded += String.fromCharCode(byte);
    else encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
