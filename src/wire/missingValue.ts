/** What the original's unary Lookup answers for a key that is not there; it may be the value of one that is. */
export const MISSING_VALUE = '(none)';

/** Stands in the trailing metadata of our unary Lookup's answer where MISSING_VALUE is a stored value. The original has none. */
export const STORED_VALUE_TRAILER = 'rkv-stored-value';
