import fc from 'fast-check';

/**
 * What the gate says of a commit it says of it again: random inputs are the same each time. Other ones are `simulate`'s work, or
 * RKV_TEST_SEED's.
 */
const SEED = 20_260_101;

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.RKV_TEST_SEED ?? SEED) });
