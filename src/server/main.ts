import { ENGINES } from '../consensus/engines.ts';
import { rkvd } from './rkvd.ts';

void rkvd(ENGINES);
