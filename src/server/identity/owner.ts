import type { NodeId } from '../../consensus/contract.ts';
import { RefusedDataError } from '../storage/contract.ts';
import type { Identity } from './identity.ts';

/** The folder was written by another server, or for another engine, or its identity cannot be read. */
export class IdentityError extends RefusedDataError {
  override readonly name = 'IdentityError';
  override readonly remedy: string;
  constructor(message: string, remedy = new RefusedDataError().remedy, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

/** Throws IdentityError where the folder is of another server or for another engine. */
export function checkOwner(
  location: string,
  { id, engine }: Pick<Identity, 'id' | 'engine'>,
  self: NodeId,
  backend: string,
): void {
  if (id !== self) {
    throw new IdentityError(
      `${location} was written by server ${id}, this is server ${self}`,
      `check -id and -datadir; where the folder of server ${self} is gone, start it once with -rejoin`,
    );
  }
  if (engine !== backend) {
    throw new IdentityError(
      `${location} was written by the ${engine} backend, which ${backend} would misread`,
      `start it with -backend ${engine}, or with another -datadir`,
    );
  }
}
