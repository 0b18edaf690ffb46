import { describeMutants } from './testing/describeMutants.ts';

describeMutants('hashicorp');
