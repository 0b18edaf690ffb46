import fc from 'fast-check';
import { MalformedDerError, type RevocationList, readRevocationList } from '../../net/endpoints/revocationList.ts';
import { der, ECDSA_SHA256, nameOf, oid, SEQUENCE } from '../der.ts';
import { damagedBytes } from '../mutation.ts';
import { demand, type FuzzTarget } from '../target.ts';

const TIME = der(0x17, Buffer.from('260101000000Z'));
/** That keep their sign: the first bit is 0. */
const serial = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .map((bytes) => Uint8Array.of((bytes[0]! & 0x7f) | 1, ...bytes.slice(1)));
const extension = fc
  .record({ id: fc.constantFrom('551d14', '551d23', '551d1b'), isCritical: fc.boolean() })
  .map(({ id, isCritical }) =>
    der(SEQUENCE, oid(id), ...(isCritical ? [der(0x01, Buffer.of(0xff))] : []), der(0x04, Buffer.of(5, 0))),
  );
const extensions = fc.array(extension, { maxLength: 2 }).map((all) => der(SEQUENCE, ...all));

interface Content {
  readonly serials: readonly Uint8Array[];
  readonly hasNext: boolean;
  readonly ofEntries: Buffer | null;
  readonly ofList: Buffer | null;
}

/** Its signature is nobody's: that is asked once the list is read. */
function listOf({ serials, hasNext, ofEntries, ofList }: Content): Buffer {
  const entries = serials.map((bytes) =>
    der(SEQUENCE, der(0x02, bytes), TIME, ...(ofEntries === null ? [] : [ofEntries])),
  );
  const body = der(
    SEQUENCE,
    der(0x02, Buffer.of(1)),
    ECDSA_SHA256,
    nameOf('authority'),
    TIME,
    ...(hasNext ? [TIME] : []),
    ...(entries.length === 0 ? [] : [der(SEQUENCE, ...entries)]),
    ...(ofList === null ? [] : [der(0xa0, ofList)]),
  );
  return der(SEQUENCE, body, ECDSA_SHA256, der(0x03, Buffer.of(0, 0x30, 0)));
}

const content: fc.Arbitrary<Content> = fc.record({
  serials: fc.array(serial, { maxLength: 4 }),
  hasNext: fc.boolean(),
  ofEntries: fc.option(extensions),
  ofList: fc.option(extensions),
});
interface Input {
  /** Of a list that is whole. */
  readonly told: Content | undefined;
  readonly bytes: Uint8Array;
}

const whole: fc.Arbitrary<Input> = content.map((told) => ({ told, bytes: listOf(told) }));
const damaged: fc.Arbitrary<Input> = damagedBytes(content.map(listOf)).map((bytes) => ({ told: undefined, bytes }));

export const REVOCATION_LISTS: FuzzTarget<Input> = {
  name: 'revocation-lists',
  takes: 'which certificates were revoked, in DER',
  inputs: fc.oneof({ weight: 1, arbitrary: whole }, { weight: 4, arbitrary: damaged }),
  check({ told, bytes }) {
    const given = Buffer.from(bytes);
    let read: RevocationList;
    try {
      read = readRevocationList(given);
    } catch (error) {
      if (!(error instanceof MalformedDerError)) throw error;
      demand(told === undefined, () => `a whole list is refused: ${error.message}`);
      return false;
    }
    demand(given.includes(read.signed) && given.includes(read.issuer), 'what was read stands in what was given');
    demand(!Number.isNaN(read.thisUpdateMs) && !Number.isNaN(read.nextUpdateMs), 'times are times');
    const serials = told?.serials.map((each) => Buffer.from(each).toString('hex').toUpperCase());
    demand(
      serials === undefined || serials.join() === read.entries.map(({ serialNumber }) => serialNumber).join(),
      'every number is read',
    );
    return true;
  },
};
