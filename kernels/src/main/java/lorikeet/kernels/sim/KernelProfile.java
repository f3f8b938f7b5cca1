package lorikeet.kernels.sim;

/**
 * What all launches of a kernel did together.
 *
 * @param laneInstructions  instructions, counted once for each thread that executed them
 * @param branches          branches with a condition, counted once per warp
 * @param divergentBranches those of them at which the threads of a warp parted
 * @param sharedPasses      passes that shared memory needed for all requests; more than {@code idealSharedPasses} are due to
 *                          bank conflicts
 */
public record KernelProfile(String kernel, long launches, long warpInstructions, long laneInstructions, long branches,
        long divergentBranches, long sharedRequests, long sharedPasses, long idealSharedPasses, Traffic loads,
        Traffic stores) {

    /** Bytes that moved to and fro between threads and memory, in whole sectors, as if nothing were cached. */
    public long movedBytes() {
        return loads.movedBytes() + stores.movedBytes();
    }

    /** Bytes that had to move: what was read, read once, and what was written, written once, for each launch. */
    public long neededBytes() {
        return loads.distinctBytes() + stores.distinctBytes();
    }

    /** Passes of shared memory for each that would have done without bank conflicts; 1 if it was not used. */
    public double passesPerIdeal() {
        return idealSharedPasses == 0 ? 1 : (double) sharedPasses / idealSharedPasses;
    }

    /** Share of the conditional branches at which a warp parted. */
    public double divergence() {
        return branches == 0 ? 0 : (double) divergentBranches / branches;
    }

    /**
     * Accesses to global memory.
     *
     * @param requests      instructions of a warp
     * @param sectors       pieces of 32 bytes that they touched, each counted once per request
     * @param idealSectors  what they would have been had the different bytes wanted by each request lain side by side
     * @param bytes         bytes that threads asked for
     * @param distinctBytes bytes of all sectors touched, each counted once per launch
     */
    public record Traffic(long requests, long sectors, long idealSectors, long bytes, long distinctBytes) {

        /** Bytes that moved: whole sectors. */
        public long movedBytes() {
            return 32 * sectors;
        }

        public double sectorsPerRequest() {
            return requests == 0 ? 0 : (double) sectors / requests;
        }

        public double idealSectorsPerRequest() {
            return requests == 0 ? 0 : (double) idealSectors / requests;
        }
    }
}
