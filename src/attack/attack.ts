import type { CredentialFiles } from '../net/endpoints/credentials.ts';
import type { Security } from '../net/endpoints/security.ts';

/** What an attack is aimed at. */
export interface Target {
  readonly addresses: readonly string[];
  readonly leader: string;
  /** 1 as a rule; larger numbers try harder, smaller ones less. */
  readonly scale: number;
  readonly engine: string;
  /** With TLS: of a client, which is the most that an attacker may have. */
  readonly credentials: CredentialFiles | undefined;
  /** How he reaches them by that. */
  readonly security: Security;
}

/** Does what it can for a bounded time, and says what it did. What it holds open stays open until its thread ends. */
export type Attack = (target: Target) => Promise<string>;

/** What the thread of an attacker is started with. */
export interface AttackerData {
  readonly name: string;
  readonly target: Omit<Target, 'security'>;
}
