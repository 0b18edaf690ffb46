import { InvalidFaultError, type LinkTrouble, type ServerFault, type UserDelayShape } from '../faults/serverFault.ts';
import { type Fault, type LinkFault, ListFaultsResponse } from './generated/admin.ts';

/** Why a call about faults was refused, as the reason of its refusal (reason.ts). */
export const FaultRefusal = {
  /** The server was started without -faults. */
  Off: 'faults-off',
  /** The fault makes no sense, or is one too many. */
  Invalid: 'invalid-fault',
} as const;

const NO_LINK: LinkFault = {
  peers: [],
  to: false,
  from: false,
  trouble: '',
  delayShape: '',
  delayUs: 0,
  deviationUs: 0,
  lossChance: 0,
  bytesPerSecond: 0,
};

export function faultMessage(fault: ServerFault): Fault {
  const message: Fault = { kind: fault.kind, link: undefined, syncAddedUs: 0, clockRate: 0 };
  if (fault.kind === 'slow-disk') return { ...message, syncAddedUs: fault.syncAddedUs };
  if (fault.kind === 'clock') return { ...message, clockRate: fault.rate };
  if (fault.kind !== 'link' && fault.kind !== 'client-link') return message;
  const { to, from, trouble } = fault;
  const peers = fault.kind === 'link' ? [...fault.peers] : [];
  return { ...message, link: { ...NO_LINK, peers, to, from, trouble: trouble.kind, ...troubleFields(trouble) } };
}

function troubleFields(trouble: LinkTrouble): Partial<LinkFault> {
  switch (trouble.kind) {
    case 'cut':
      return {};
    case 'loss':
      return { lossChance: trouble.chance };
    case 'bandwidth':
      return { bytesPerSecond: trouble.bytesPerSecond };
    case 'delay': {
      const { shape } = trouble;
      if (shape.kind === 'fixed') return { delayShape: shape.kind, delayUs: shape.us };
      if (shape.kind === 'heavy-tail') return { delayShape: shape.kind, delayUs: shape.leastUs };
      return { delayShape: shape.kind, delayUs: shape.meanUs, deviationUs: shape.deviationUs };
    }
  }
}

/** Throws InvalidFaultError for a kind of fault that this version does not know. Its figures are yet to be checked. */
export function faultOf(message: Fault | undefined): ServerFault {
  const { kind = '', link, syncAddedUs = 0, clockRate = 0 } = message ?? {};
  switch (kind) {
    case 'stalled-disk':
    case 'full-disk':
      return { kind };
    case 'slow-disk':
      return { kind, syncAddedUs };
    case 'clock':
      return { kind, rate: clockRate };
    case 'link':
    case 'client-link': {
      const { peers, to, from } = link ?? NO_LINK;
      const trouble = troubleOf(link ?? NO_LINK);
      if (kind === 'client-link') return { kind, to, from, trouble };
      return { kind, peers: [...peers].sort((a, b) => a - b), to, from, trouble };
    }
    default:
      throw unknownKind('fault', kind, 'link, client-link, slow-disk, stalled-disk, full-disk or clock');
  }
}

function troubleOf({ trouble, lossChance, bytesPerSecond, ...delay }: LinkFault): LinkTrouble {
  switch (trouble) {
    case 'cut':
      return { kind: trouble };
    case 'loss':
      return { kind: trouble, chance: lossChance };
    case 'bandwidth':
      return { kind: trouble, bytesPerSecond };
    case 'delay':
      return { kind: trouble, shape: shapeOf(delay) };
    default:
      throw unknownKind('fault of a link', trouble, 'cut, delay, loss or bandwidth');
  }
}

function shapeOf({
  delayShape: kind,
  delayUs,
  deviationUs,
}: Pick<LinkFault, 'delayShape' | 'delayUs' | 'deviationUs'>): UserDelayShape {
  switch (kind) {
    case 'fixed':
      return { kind, us: delayUs };
    case 'normal':
      return { kind, meanUs: delayUs, deviationUs };
    case 'heavy-tail':
      return { kind, leastUs: delayUs };
    default:
      throw unknownKind('delay', kind, 'fixed, normal or heavy-tail');
  }
}

function unknownKind(what: string, kind: string, known: string): InvalidFaultError {
  return new InvalidFaultError(`a ${what} of kind ${JSON.stringify(kind)}: expected ${known}`);
}

/** Names the variable of rkvd's environment that holds the faults which it has from its first moment on; taken with -faults alone. */
export const START_FAULTS_VARIABLE = 'RKV_FAULTS';

export interface StartFault {
  readonly id: string;
  readonly fault: ServerFault;
  readonly lastsMs: number;
}

/** As the variable's value. */
export function encodeStartFaults(faults: readonly StartFault[]): string {
  const messages = faults.map(({ id, fault, lastsMs }) => ({ id, fault: faultMessage(fault), leftMs: lastsMs }));
  return Buffer.from(ListFaultsResponse.encode({ faults: messages }).finish()).toString('base64');
}

/** Throws InvalidFaultError. */
export function decodeStartFaults(text: string): StartFault[] {
  let faults: ListFaultsResponse['faults'];
  try {
    faults = ListFaultsResponse.decode(Buffer.from(text, 'base64')).faults;
  } catch (cause) {
    throw new InvalidFaultError('expected faults as a supervisor encodes them', { cause });
  }
  return faults.map(({ id, fault, leftMs }) => ({ id, fault: faultOf(fault), lastsMs: leftMs }));
}
