import { createPrivateKey, X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { TestAuthority } from './certificates.ts';

it('what the maker of test certificates makes is what Node.js reads', async () => {
  const authority = await TestAuthority.make();
  const made = await authority.server(3);
  const certificate = new X509Certificate(made.certificate);
  const root = new X509Certificate(authority.certificate);
  expect(certificate.subjectAltName).toBe(
    'URI:rkv://demo/server/3, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  );
  expect(certificate.checkIssued(root) && certificate.verify(root.publicKey)).toBe(true);
  expect(certificate.checkPrivateKey(createPrivateKey(made.key))).toBe(true);
  expect([root.ca, certificate.ca]).toEqual([true, false]);
});
