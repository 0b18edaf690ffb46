import { AddressError } from './errors.ts';

/** An omitted host. Written as a number so that it cannot resolve to ::1, where the servers do not listen. */
const LOCAL_HOST = '127.0.0.1';

/** Comma separated `host:port` pairs; `:9201` is a port of this machine. Throws AddressError. */
export function parseAddresses(text: string): string[] {
  const addresses = text.split(',').map((part) => parseAddress(part.trim()));
  const twice = addresses.find((address, at) => addresses.indexOf(address) !== at);
  if (twice !== undefined) throw new AddressError(`address ${twice} stands twice in "${text}"`);
  return addresses;
}

/** One `host:port`, the host filled in where it is omitted. Throws AddressError. */
export function parseAddress(text: string): string {
  const match = /^(?<host>[^\s:,/]*|\[[0-9a-fA-F:.]+\]):(?<port>[0-9]{1,5})$/.exec(text);
  const port = Number(match?.groups?.port);
  if (match === null || port < 1 || port > 65535) {
    throw new AddressError(`bad server address "${text}": expected host:port or :port, as in 10.0.0.1:9201 or :9201`);
  }
  return `${match.groups?.host || LOCAL_HOST}:${port}`;
}
