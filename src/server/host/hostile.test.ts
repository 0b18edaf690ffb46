import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EngineKind } from '../../consensus/contract.ts';
import { etcdKind } from '../../consensus/etcd/index.ts';
import { etcdForgery } from '../../consensus/etcd/testing/forgery.ts';
import { gorumsKind } from '../../consensus/gorums/index.ts';
import { gorumsForgery } from '../../consensus/gorums/testing/forgery.ts';
import { hashicorpKind } from '../../consensus/hashicorp/index.ts';
import { hashicorpForgery } from '../../consensus/hashicorp/testing/forgery.ts';
import type { Forgery } from '../../consensus/testing/forgery.ts';
import { HearingServer, hostileSteps } from './testing/hearingServer.ts';

const RUNS = Number(process.env.RKV_HOSTILE_RUNS ?? 300);

function describeHostilePeers<M>(kind: EngineKind<M>, forgery: Forgery<M>): void {
  it(`can be made to elect a server by what they send (${kind.name})`, () => {
    const server = new HearingServer(kind);
    server.elect((request) => forgery.grant(request));
    expect(server.leads).toBe(true);
  });

  it(`end no server, whatever they send (${kind.name})`, () => {
    fc.assert(
      fc.property(hostileSteps(forgery), (sequence) => {
        const server = new HearingServer(kind);
        for (const step of sequence) {
          step(server);
          expect(server.failures).toEqual([]);
        }
        server.run();
        server.sync();
        server.run();
        server.restart();
        server.tick(250);
        server.run();
        expect(server.failures).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });
}

describe('peers that send what no correct server does', () => {
  describeHostilePeers(gorumsKind, gorumsForgery);
  describeHostilePeers(etcdKind, etcdForgery);
  describeHostilePeers(hashicorpKind, hashicorpForgery);
});
