/** rkvd ends with this code where it refuses its data: starting it again changes nothing, so its supervisor does not. */
export const REFUSED_DATA_EXIT_CODE = 3;
