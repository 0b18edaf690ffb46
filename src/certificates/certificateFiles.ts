import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { chmodSync, lstatSync } from 'node:fs';
import { writeDurably } from '../files/durableFile.ts';
import { keepFolderPrivate } from '../files/privateFile.ts';
import { readTextFile } from '../files/regularFile.ts';

/** Far more than a certificate and its key ever take. */
const PEM_BYTES_MAX = 64 * 1024;

/** The curve of the keys that are made here, as node:crypto calls it. */
const CURVE = 'prime256v1';

/** A certificate of a file; undefined where none is there, or what is there is none. Throws as `readPem`. */
export function readCertificate(path: string): X509Certificate | undefined {
  const pem = readPem(path);
  try {
    return pem === undefined ? undefined : new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** A private key of ours, as PEM; undefined where none is there, or what is there is none. It is closed to others. Throws as `readPem`. */
export function readKey(path: string): string | undefined {
  const pem = readPem(path);
  if (pem === undefined || keyOf(pem) === undefined) return undefined;
  chmodSync(path, 0o600);
  return pem;
}

/** Undefined where it is no key on the curve of ours. */
function keyOf(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyDetails?.namedCurve === CURVE ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined where it is not there. Throws UnusableFileError where it is no file, or the file system's error. */
export function readPem(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined ? undefined : readTextFile(path, PEM_BYTES_MAX);
}

/** Puts a file in the place of `path`, whole and for us alone, in a folder that is closed to others. */
export function writePem(folder: string, path: string, pem: string): void {
  keepFolderPrivate(folder);
  writeDurably(path, pem);
}
