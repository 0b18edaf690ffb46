import type { NodeId } from '../../consensus/contract.ts';
import { simpleConfiguration } from '../../consensus/contract.ts';
import { Inflights } from '../../consensus/etcd/inflights.ts';
import { enterJoint, leaveJoint, type Members, simpleChange } from '../../consensus/etcd/membership.ts';
import { Progress } from '../../consensus/etcd/progress.ts';
import { describeConfiguration, parseSteps } from './describe.ts';
import type { ScriptStep } from './script.ts';

/**
 * The commands of configuration-change scripts: `simple`, `enter-joint [autoleave=true]` and `leave-joint`, the steps as
 * input. Each prints the configuration and the Progress of every member, or the reason why it was refused. The log grows by
 * one entry a command, refused or not, which shows in the `next` of members that are new.
 */
export class MembershipScript {
  private members: Members = { configuration: simpleConfiguration([]), progress: new Map() };
  private lastIndex = 0;

  run(step: ScriptStep): string {
    try {
      this.members = this.change(step);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      this.lastIndex++;
    }
    const lines = [describeConfiguration(this.members.configuration)];
    for (const [id, progress] of this.members.progress) lines.push(`${id}: ${progress.describe()}`);
    return lines.join('\n');
  }

  private change(step: ScriptStep): Members {
    const steps = parseSteps(step.input.join(' '));
    const newProgress = (_id: NodeId, learner: boolean) => {
      const progress = new Progress(0, Math.max(this.lastIndex, 1), learner, new Inflights(1, 0));
      progress.recentActive = true;
      return progress;
    };
    switch (step.name) {
      case 'simple':
        return simpleChange(this.members, steps, newProgress);
      case 'enter-joint': {
        const autoLeave = step.args.find(({ key }) => key === 'autoleave')?.values[0] === 'true';
        return enterJoint(this.members, autoLeave, steps, newProgress);
      }
      case 'leave-joint':
        if (steps.length > 0) throw new Error("this command can't have input");
        return leaveJoint(this.members);
      default:
        throw new Error('unknown command');
    }
  }
}
