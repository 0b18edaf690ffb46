/** What OpenSSL and Node.js say where a connection cannot be made, and what that means to people. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [
    /wrong version number|packet length too long|http request|unexpected message|ERR_SSL_WRONG_VERSION/i,
    'what listens there speaks no TLS, or not TLS 1.3',
  ],
  [/alert certificate required|alert number 116/i, 'it wants a certificate to be shown'],
  [
    /self[- ]signed certificate|unable to verify the first|unable to get (?:local )?issuer|certificate signature failure/i,
    'the certificate there is not of the authority in tls-ca',
  ],
  [/certificate has expired/i, 'the certificate there has expired'],
  [/certificate is not yet valid/i, "the certificate there is not valid yet, by this machine's clock"],
  [
    /unsuitable certificate purpose|unsupported certificate purpose/i,
    'the certificate there is not one for a server: expected the extended key usage serverAuth',
  ],
  [/before secure TLS connection was established/i, 'it ended the connection before TLS was agreed on'],
];

/** Why a connection failed, in words, where TLS is why; else as it came. */
export function explainTlsFailure(message: string): string {
  return WORDS.find(([pattern]) => pattern.test(message))?.[1] ?? message;
}
