import { FieldKind, type HeaderField } from './headerField.ts';

const CONTENT_LENGTH = /^\d{1,15}$/;

/**
 * The head of a request, as far as a server looks at it. There is one for each connection, filled anew with each request: it
 * is good until the next.
 */
export class RequestHead {
  readonly fields: HeaderField[] = [];
  method = '';
  path = '';
  contentType = '';
  /** Empty where there is none, as with the next. */
  grpcTimeout = '';
  grpcEncoding = '';
  /** -1 where it does not say. */
  contentLength = -1;

  /** Takes what stands in `fields`; false where it is malformed (RFC 9113, 8.1 – 8.3). */
  read(): boolean {
    this.method = '';
    this.path = '';
    this.contentType = '';
    this.grpcTimeout = '';
    this.grpcEncoding = '';
    this.contentLength = -1;
    const { fields } = this;
    let seen = 0;
    let isRegular = false;
    for (let i = 0; i < fields.length; i++) {
      const { kind, value } = fields[i]!;
      if (kind === FieldKind.Regular) {
        isRegular = true;
        continue;
      }
      if (kind >= FieldKind.Method && kind <= FieldKind.Authority) {
        const bit = 1 << kind;
        if (isRegular || (seen & bit) !== 0) return false;
        seen |= bit;
      } else isRegular = true;
      switch (kind) {
        case FieldKind.Malformed:
        case FieldKind.UnknownPseudo:
          return false;
        case FieldKind.Method:
          this.method = value;
          break;
        case FieldKind.Path:
          this.path = value;
          break;
        case FieldKind.ContentType:
          this.contentType = value;
          break;
        case FieldKind.GrpcTimeout:
          this.grpcTimeout = value;
          break;
        case FieldKind.GrpcEncoding:
          this.grpcEncoding = value;
          break;
        case FieldKind.ContentLength: {
          const length = CONTENT_LENGTH.test(value) ? Number(value) : -1;
          if (length < 0 || (this.contentLength >= 0 && this.contentLength !== length)) return false;
          this.contentLength = length;
          break;
        }
      }
    }
    return (seen & REQUIRED) === REQUIRED && this.path !== '' && this.method !== '';
  }
}

const REQUIRED = (1 << FieldKind.Method) | (1 << FieldKind.Scheme) | (1 << FieldKind.Path);

/** Whether these may stand behind a body. */
export function areTrailers(fields: readonly HeaderField[]): boolean {
  return fields.every(
    ({ kind }) => kind === FieldKind.Regular || (kind > FieldKind.Authority && kind !== FieldKind.ContentLength),
  );
}
