/** What is used of jstat, which comes without types. */
declare module 'jstat' {
  export const studentt: {
    /** The value below which a share `p` of Student's t distribution with `degreesOfFreedom` lies. */
    inv(p: number, degreesOfFreedom: number): number;
  };
}
