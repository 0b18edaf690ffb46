import { ENGINES } from '../../consensus/engines.ts';
import { rkvd } from '../rkvd.ts';

/** rkvd with one engine more than people are offered: a registry with one line more is all that it takes (test/newEngine.test.ts). */
await rkvd({ ...ENGINES, primer: () => import('../../consensus/testing/primer/index.ts') });
