package lorikeet.kernels.sim;

/**
 * A decoded instruction: registers are positions in the register files of a warp, names are gone. One call executes it
 * for all lanes of a warp that take part.
 */
abstract class Instruction {
    /** Number of the line in the PTX text. */
    int line;
    /** Register of the guard predicate, or −1. */
    int guard = -1;
    /** −1 if the guard is negated, else 0. */
    int guardFlip;

    /**
     * Executes for the lanes whose bits are set; there is at least one. The warp's program counter already points to the
     * next instruction.
     */
    abstract void execute(Warp warp, int lanes);
}
