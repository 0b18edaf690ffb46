import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describeHolder, holderOf, holderUri } from '../../net/endpoints/holder.ts';
import { der, ECDSA_SHA256, nameOf, oid, SEQUENCE } from '../der.ts';
import { damagedText } from '../mutation.ts';
import { demand, type FuzzTarget } from '../target.ts';

/** A subject alternative name (RFC 5280, 4.2.1.6), by its tag. */
interface Name {
  readonly kind: 'email' | 'dns' | 'uri';
  readonly text: string;
}

interface Content {
  readonly names: readonly Name[];
  readonly commonName: string;
}

const TAGS = { email: 0x81, dns: 0x82, uri: 0x86 } as const;

/** The generator of P-256 is a key like any other. */
const POINT =
  '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5';
const KEY = der(
  SEQUENCE,
  der(SEQUENCE, oid('2a8648ce3d0201'), oid('2a8648ce3d030107')),
  der(0x03, Buffer.of(0), Buffer.from(POINT, 'hex')),
);
const VALIDITY = der(SEQUENCE, der(0x17, Buffer.from('260101000000Z')), der(0x17, Buffer.from('460101000000Z')));

/** Its signature is nobody's: whether a certificate is genuine is asked before who holds it. */
function certificate({ names, commonName }: Content): Buffer {
  const list = names.map(({ kind, text }) => der(TAGS[kind], Buffer.from(text)));
  const alternative = der(SEQUENCE, oid('551d11'), der(0x04, der(SEQUENCE, ...list)));
  const body = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(1)),
    ECDSA_SHA256,
    nameOf('authority'),
    VALIDITY,
    nameOf(commonName),
    KEY,
    der(0xa3, der(SEQUENCE, alternative)),
  );
  return der(SEQUENCE, body, ECDSA_SHA256, der(0x03, Buffer.of(0, 0x30, 0)));
}

const WORDS = [
  ...[
    'rkv://',
    'RKV://',
    '/server/',
    '/client/',
    '/operator/',
    'demo',
    '1',
    '01',
    '0',
    ', ',
    ', URI:',
    'URI:',
    '"',
    '\\',
    '\\"',
  ],
  ...[
    'URI:rkv://demo/server/1',
    'URI:"',
    '\n',
    '\0',
    '%2f',
    'é',
    '?',
    '#',
    '@',
    ':',
    'CN=',
    '\r\nCN=x',
    'a'.repeat(64),
  ],
];
const uri = fc.constantFrom(
  'rkv://demo/server/1',
  'rkv://demo/server/12',
  'rkv://demo/client/a',
  'rkv://d.e-m_o/operator/b',
  'https://example.org/a,b',
);
const text = damagedText(uri, WORDS);
const name: fc.Arbitrary<Name> = fc.oneof(
  { weight: 3, arbitrary: uri.map((of): Name => ({ kind: 'uri', text: of })) },
  { weight: 3, arbitrary: text.map((of): Name => ({ kind: 'uri', text: of })) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('dns' as const, 'email' as const), text }) },
);

/** What the names say, reckoned from what was put in rather than from what is printed of it. */
function claims({ names }: Content): readonly string[] {
  return names.filter(({ kind, text: of }) => kind === 'uri' && /^rkv:/i.test(of)).map(({ text: of }) => of);
}

export const CERTIFICATES: FuzzTarget<Content> = {
  name: 'certificates',
  takes: 'who holds a certificate, by its names',
  inputs: fc.record({
    names: fc.array(name, { maxLength: 3 }),
    commonName: fc.oneof(fc.constant('a'), damagedText(fc.constant('common'), WORDS)).map((of) => of.slice(0, 200)),
  }),
  check(content) {
    let made: X509Certificate;
    try {
      made = new X509Certificate(certificate(content));
    } catch {
      // Not even a certificate: TLS never gets that far.
      return false;
    }
    const holder = holderOf(made);
    if (typeof holder === 'string') {
      demand(holder.length > 0, 'a refusal says why');
      return false;
    }
    demand(describeHolder(holder).length > 0, 'a holder can be described');
    const said = claims(content);
    if (holder.cluster === undefined) {
      demand(said.length === 0, () => `who names himself is taken by that name: ${said}`);
      demand(holder.role === 'client', 'who does not name himself is a client');
      return false;
    }
    const { cluster } = holder;
    const claim = holderUri(holder.role === 'server' ? holder : { ...holder, cluster });
    demand(said.length === 1 && said[0] === claim, () => `${claim} is said by the only URI of ours: ${said}`);
    return true;
  },
};
