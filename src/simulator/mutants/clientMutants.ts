import type { LinkFailure, LinkListener, ServerLink } from '../../client/transport.ts';
import { ResultStatus } from '../../wire/generated/rkv.ts';

type Result = Parameters<LinkListener['linkResult']>;

class DelegatingListener implements LinkListener {
  protected readonly inner: LinkListener;

  constructor(inner: LinkListener) {
    this.inner = inner;
  }

  linkReady(link: ServerLink): void {
    this.inner.linkReady(link);
  }

  linkResult(...result: Result): void {
    this.inner.linkResult(...result);
  }

  linkBatchDone(...[link, hint]: Parameters<LinkListener['linkBatchDone']>): void {
    this.inner.linkBatchDone(link, hint);
  }

  linkClosed(link: ServerLink, reason: LinkFailure): void {
    this.inner.linkClosed(link, reason);
  }
}

/** Takes an answer that nobody knows what became of a command for one that it was not carried out. */
export class TakesUnknownForRefused extends DelegatingListener {
  override linkResult(...[link, command, status, ...rest]: Result): void {
    const taken = status === ResultStatus.RESULT_UNKNOWN ? ResultStatus.RESULT_NOT_LEADER : status;
    super.linkResult(link, command, taken, ...rest);
  }
}

/** Takes what was under way on a connection that broke for never sent. */
export class ForgetsWhatWasSent extends DelegatingListener {
  override linkClosed(link: ServerLink, reason: LinkFailure): void {
    const lost = link.waiting();
    super.linkClosed(link, reason);
    for (const command of lost) command.doubtful = false;
  }
}
