import { type CredentialFiles, readCredentials } from './credentials.ts';
import { NO_SECURITY, type Security } from './security.ts';
import { TlsSecurity } from './tlsSecurity.ts';

/** Of a process that asks servers for something: without files nobody proves who he is. Throws CertificateError. */
export function clientSecurity(files: CredentialFiles | undefined): Security {
  return files === undefined ? NO_SECURITY : new TlsSecurity(readCredentials(files, 0, Date.now()));
}
