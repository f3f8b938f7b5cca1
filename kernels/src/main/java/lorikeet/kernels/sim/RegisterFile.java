package lorikeet.kernels.sim;

/**
 * The three register files of a warp. {@link #WORDS} holds a 32-bit word per lane, in which 8- and 16-bit values are
 * extended with zeros; {@link #LONGS} holds 64 bits per lane; {@link #PREDICATES} holds one bit per lane, 32 to an int.
 */
enum RegisterFile { WORDS, LONGS, PREDICATES }
