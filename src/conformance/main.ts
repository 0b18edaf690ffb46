/** The process behind `npm run conformance`. */
import { processTerminal } from '../cli/terminal.ts';
import { dispatch } from './dispatch.ts';

try {
  process.exitCode = await dispatch(process.argv.slice(2));
} catch (error) {
  processTerminal.err(`conformance: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
