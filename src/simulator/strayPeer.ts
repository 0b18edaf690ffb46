import { type Introduction, introductionOf } from '../server/identity/identity.ts';
import { Stray } from './stray.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import { STRANGER } from './virtualNetwork.ts';
import type { VirtualServer } from './virtualServer.ts';

const INTERVAL_MEAN_US = 2_000_000;
/** More than any log of a run has entries, or a folder starts. */
const FAR = 2 ** 52;

/**
 * A program that reaches the servers' ports and is none of them: it knows what they say of themselves, and says more than that in their
 * names. It does not matter to whom: nobody may be refused for it, or ended.
 */
export class StrayPeer extends Stray {
  constructor(around: Surroundings, servers: readonly VirtualServer[]) {
    super(around, servers, 'stray peer', INTERVAL_MEAN_US);
  }

  override start(): void {
    // In a cluster of one nobody hears it.
    if (this.servers.length > 1) super.start();
  }

  protected override act(): void {
    const { network, census } = this.around;
    const [target, victim] = this.random.shuffled([...this.servers]) as [VirtualServer, VirtualServer];
    const way = this.random.int(3);
    const asks = way === 0;
    const claim = this.forge(introductionOf(victim.folder.identity, !asks));
    network.send(STRANGER, target.endpoint, () => {
      if (target.isUp) census.count(asks ? 'forged request for admission' : 'forged introduction');
      if (asks) this.askForAdmission(target, claim);
      else if (way === 1) target.introduced(claim, () => {});
      else target.greeted({ claim, forgets: false, pastTerm: () => undefined, received: () => {} }, () => {});
    });
  }

  private forge(truth: Introduction): Introduction {
    const { life, earlierLives } = truth;
    switch (truth.isMember ? this.random.int(3) : 2) {
      case 0:
        return { ...truth, admitted: FAR };
      case 1:
        return { ...truth, boots: FAR, life: 'a stranger', earlierLives: [life, ...earlierLives].slice(0, 1) };
      default:
        return { ...truth, instance: 'of a stranger', admitted: truth.isMember ? FAR : 0 };
    }
  }

  private askForAdmission(target: VirtualServer, claim: Introduction): void {
    target.askedForAdmission(claim, { rejoin: true, after: undefined }, (reply) => {
      if (!reply.ok) return;
      throw new InvariantViolation(
        'right refusal',
        `server ${target.id} admits a stranger as server ${claim.id}, whose own process may not go on`,
      );
    });
  }
}
