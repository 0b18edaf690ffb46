import { formatAddress, isSameAddress, parseAddress as parse } from '../net/endpoints/addresses.ts';
import { AddressError } from './errors.ts';

/** Comma separated `host:port` pairs; `:9201` is a port of this machine. Throws AddressError. */
export function parseAddresses(text: string): string[] {
  const addresses = text.split(',').map((part) => parseAddress(part.trim()));
  const parsed = addresses.map((address) => parse(address)!);
  const twice = addresses.find((_, at) => parsed.findIndex((other) => isSameAddress(other, parsed[at]!)) !== at);
  if (twice !== undefined) throw new AddressError(`address ${twice} stands twice in "${text}"`);
  return addresses;
}

/** One `host:port`, the host filled in where it is omitted. Throws AddressError. */
export function parseAddress(text: string): string {
  const address = parse(text);
  if (address !== undefined) return formatAddress(address);
  throw new AddressError(`bad server address "${text}": expected host:port or :port, as in 10.0.0.1:9201 or :9201`);
}
