import { join } from 'node:path';
import type { CredentialFiles } from './credentials.ts';

/** Of flags or options of these names; a text is empty, or not there, where it was not given. */
export interface CredentialFlags {
  readonly 'tls-cert'?: string | undefined;
  readonly 'tls-key'?: string | undefined;
  readonly 'tls-ca'?: string | undefined;
  readonly 'client-ca'?: string | undefined;
  readonly 'tls-crl'?: string | undefined;
}

/** Some of the flags for TLS were given, and others that belong to them were not. */
export class CredentialFlagsError extends Error {
  override readonly name = 'CredentialFlagsError';
}

const NEEDED = ['tls-cert', 'tls-key', 'tls-ca'] as const;
const OPTIONAL = ['client-ca', 'tls-crl'] as const;

/** The files that flags name; undefined without TLS. `dashes` begin the names of flags, in errors. Throws CredentialFlagsError. */
export function credentialFiles(flags: CredentialFlags, dashes: '-' | '--'): CredentialFiles | undefined {
  const given = (name: keyof CredentialFlags) => flags[name] !== undefined && flags[name] !== '';
  const missing = NEEDED.filter((name) => !given(name));
  if (missing.length === 0) {
    const [clientCa, crl] = OPTIONAL.map((name) => (given(name) ? flags[name] : undefined));
    return { cert: flags['tls-cert']!, key: flags['tls-key']!, ca: flags['tls-ca']!, clientCa, crl };
  }
  const some = [...NEEDED, ...OPTIONAL].filter(given);
  if (some.length === 0) return undefined;
  const names = (all: readonly string[]) => all.map((name) => `${dashes}${name}`).join(' and ');
  throw new CredentialFlagsError(
    `${names(some)} without ${names(missing)}: expected all of ${names(NEEDED)} for TLS, or none`,
  );
}

/** For clients in the place of a flag: a folder with the files of who uses it. */
const FOLDER_VARIABLE = 'RKV_TLS_DIR';

/** Of a holder whose files are together in a folder, by the names that they have there (docs/security.md). */
export function filesIn(folder: string): CredentialFiles {
  return {
    cert: join(folder, 'cert.pem'),
    key: join(folder, 'key.pem'),
    ca: join(folder, 'ca.pem'),
    clientCa: undefined,
  };
}

/**
 * The same of a client, which may name a folder that has all of them: by a flag, or by an environment variable, which what is typed goes before.
 * Undefined without TLS. Throws CredentialFlagsError.
 */
export function clientCredentialFiles(
  flags: CredentialFlags & { readonly 'tls-dir'?: string | undefined },
  dashes: '-' | '--',
  environment: Readonly<Record<string, string | undefined>>,
): CredentialFiles | undefined {
  const files = credentialFiles(flags, dashes);
  const folder = flags['tls-dir'] ?? '';
  if (files !== undefined && folder !== '')
    throw new CredentialFlagsError(`${dashes}tls-dir and ${dashes}tls-cert: expected one of them`);
  const chosen = folder === '' ? (environment[FOLDER_VARIABLE] ?? '') : folder;
  return files ?? (chosen === '' ? undefined : filesIn(chosen));
}
