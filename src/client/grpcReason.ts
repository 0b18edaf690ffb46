import { explainTlsFailure } from '../net/endpoints/tlsFailure.ts';

/** What a failed call says to people: gRPC's details without its own wrapping of the connection's error. */
export function grpcReason({ details }: { readonly details: string }): string {
  const inner = /Last error: (?:Error: )?(.*)$/s.exec(details)?.[1] ?? details;
  return explainTlsFailure(inner.replace(/\s*Resolution note:\s*.*$/s, '').replace(/[.\s]+$/, ''));
}
