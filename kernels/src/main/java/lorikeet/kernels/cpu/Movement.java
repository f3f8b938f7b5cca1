package lorikeet.kernels.cpu;

import static lorikeet.kernels.cpu.Elementwise.GRAIN;
import static lorikeet.kernels.cpu.Elementwise.rowGrain;
import static lorikeet.kernels.cpu.Vectors.LANES;
import static lorikeet.kernels.cpu.Vectors.copyBytes;
import static lorikeet.kernels.cpu.Vectors.get;
import static lorikeet.kernels.cpu.Vectors.getInt;
import static lorikeet.kernels.cpu.Vectors.set;

import lorikeet.kernels.DType;
import lorikeet.kernels.Matrix;

/** Copies, conversions, and rows picked by number. */
final class Movement {
    private final Parallel parallel;

    Movement(Parallel parallel) {
        this.parallel = parallel;
    }

    void copy(long y, long x, long bytes) {
        parallel.ranges(bytes, 4 * GRAIN, (from, to) -> copyBytes(y + from, x + from, to - from));
    }

    void toBf16(long y, long x, long n) {
        parallel.ranges(n, GRAIN, (from, to) -> toBf16Run(y + 2 * from, x + 4 * from, (int) (to - from)));
    }

    static void toBf16Run(long y, long x, int n) {
        int i = 0;
        for (; i < Vectors.F.loopBound(n); i += LANES) {
            Vectors.storeBf16(y, i, Vectors.load(x, i));
        }
        for (; i < n; i++) {
            Vectors.setBf16(y, i, get(x, i));
        }
    }

    /**
     * F32 becomes bf16 in the first half of its bytes, as much at a time as has been done already: that goes where the numbers
     * of the time before lay, which have been read by then.
     */
    void toBf16InPlace(long x, long n) {
        long done = Math.min(n, GRAIN);
        toBf16Run(x, x, (int) done);
        while (done < n) {
            long start = done, count = Math.min(done, n - done);
            parallel.ranges(count, GRAIN,
                    (from, to) -> toBf16Run(x + 2 * (start + from), x + 4 * (start + from), (int) (to - from)));
            done += count;
        }
    }

    void fromBf16(long y, long x, long n) {
        parallel.ranges(n, GRAIN, (from, to) -> fromBf16Run(y + 4 * from, x + 2 * from, (int) (to - from)));
    }

    /** Number by number: memory is the limit here, and a base is loaded long before a loop over vectors would be compiled. */
    static void fromBf16Run(long y, long x, int n) {
        for (int i = 0; i < n; i++) {
            set(y, i, Vectors.getBf16(x, i));
        }
    }

    /** F32 → F32 with all but the upper 16 bits rounded away. */
    private static void roundRun(long y, long x, int n) {
        int i = 0;
        for (; i < Vectors.F.loopBound(n); i += LANES) {
            Vectors.store(y, i, Vectors.roundToBf16(Vectors.load(x, i)));
        }
        if (i < n) {
            var tail = Vectors.first(n - i);
            Vectors.store(y, i, Vectors.roundToBf16(Vectors.load(x, i, tail)), tail);
        }
    }

    /** A compact copy of all rows of {@code x} as {@code type}; F32 to F32 is rounded to bf16 on the way. */
    void convert(long target, DType type, Matrix x) {
        var from = x.data().dtype();
        long source = x.data().address();
        boolean compact =
                x.stride() == x.columns() && (x.batch() == 1 || x.batchStride() == (long) x.rows() * x.columns());
        if (compact) {
            parallel.ranges((long) x.batch() * x.rows() * x.columns(), GRAIN, (start, end) -> convertRun(
                    target + type.bytes() * start, type, source + from.bytes() * start, from, (int) (end - start)));
            return;
        }
        parallel.ranges((long) x.batch() * x.rows(), rowGrain(x.columns()), (start, end) -> {
            for (long r = start; r < end; r++) {
                long at = r / x.rows() * x.batchStride() + r % x.rows() * x.stride();
                convertRun(target + type.bytes() * r * x.columns(), type, source + from.bytes() * at, from,
                        x.columns());
            }
        });
    }

    private static void convertRun(long y, DType to, long x, DType from, int n) {
        if (from == to) {
            roundRun(y, x, n);
        } else if (to == DType.BF16) {
            toBf16Run(y, x, n);
        } else {
            fromBf16Run(y, x, n);
        }
    }

    /** Strides in elements. */
    void copyMatrix(long y, long yStride, long x, long xStride, int rows, int columns, boolean add) {
        parallel.ranges(rows, rowGrain(columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                if (add) {
                    Elementwise.addScaledRun(y + 4 * r * yStride, x + 4 * r * xStride, 1, columns);
                } else {
                    copyBytes(y + 4 * r * yStride, x + 4 * r * xStride, 4L * columns);
                }
            }
        });
    }

    /** y[o][b][m][a][i] (+)= x[o][a][m][b][i]; a task takes one (o, b) or, if those are small, several. */
    void transpose(long y, long x, int outer, int a, int middle, int b, int inner, boolean add) {
        parallel.ranges((long) outer * b,
                rowGrain(Math.toIntExact(Math.min(Integer.MAX_VALUE, (long) middle * a * inner))),
                (from, to) -> {
                    for (long ob = from; ob < to; ob++) {
                        long o = ob / b, bi = ob % b;
                        long target = y + 4 * ob * middle * a * inner;
                        long source = x + 4 * (o * a * middle * b + bi) * inner;
                        transposeRows(target, source, a, middle, b, inner, add);
                    }
                });
    }

    /** y[m][a][i] (+)= x[a][m][0][i] for one b: source rows of {@code inner} lie b · inner apart. */
    private static void transposeRows(long y, long x, int a, int middle, int b, int inner, boolean add) {
        for (int m = 0; m < middle; m++) {
            for (int i = 0; i < a; i++) {
                long target = y + 4 * ((long) m * a + i) * inner;
                long source = x + 4 * ((long) i * middle + m) * b * inner;
                if (inner == 1) {
                    float v = get(source, 0);
                    set(target, 0, add ? get(target, 0) + v : v);
                } else if (add) {
                    Elementwise.addScaledRun(target, source, 1, inner);
                } else {
                    copyBytes(target, source, 4L * inner);
                }
            }
        }
    }

    void gather(long y, long yStride, long table, long tableStride, boolean bf16, int tableRows, long ids, int rows,
            int columns) {
        parallel.ranges(rows, rowGrain(columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                long id = row(ids, r, tableRows);
                if (bf16) {
                    fromBf16Run(y + 4 * r * yStride, table + 2 * id * tableStride, columns);
                } else {
                    copyBytes(y + 4 * r * yStride, table + 4 * id * tableStride, 4L * columns);
                }
            }
        });
    }

    void scatter(long y, long yStride, int yRows, long ids, long x, long xStride, int rows, int columns) {
        parallel.ranges(rows, rowGrain(columns), (from, to) -> {
            for (long r = from; r < to; r++) {
                copyBytes(y + 4 * row(ids, r, yRows) * yStride, x + 4 * r * xStride, 4L * columns);
            }
        });
    }

    void gatherBackward(long dtable, long dtableStride, int tableRows, long dy, long dyStride, long ids, long order,
            long runs, int runCount, int columns) {
        parallel.ranges(runCount, rowGrain(2 * columns), (from, to) -> {
            for (long j = from; j < to; j++) {
                int end = getInt(runs, j + 1);
                for (int o = getInt(runs, j); o < end; o++) {
                    long r = getInt(order, o);
                    long target = dtable + 4 * row(ids, r, tableRows) * dtableStride;
                    Elementwise.addScaledRun(target, dy + 4 * r * dyStride, 1, columns);
                }
            }
        });
    }

    private static long row(long ids, long r, int rows) {
        int id = getInt(ids, r);
        if (id < 0 || id >= rows) {
            throw new IndexOutOfBoundsException(
                    "id " + id + " at position " + r + " is outside a table of " + rows + " rows");
        }
        return id;
    }

    /** y[o][r][i] (+)= x[o][i]. */
    void broadcast(long y, long x, int outer, int repeat, int inner, boolean add) {
        if (inner == 1) {
            parallel.ranges(outer, rowGrain(repeat), (from, to) -> {
                for (long o = from; o < to; o++) {
                    spread(y + 4 * o * repeat, get(x, o), repeat, add);
                }
            });
            return;
        }
        parallel.ranges((long) outer * repeat, rowGrain(inner), (from, to) -> {
            for (long r = from; r < to; r++) {
                long target = y + 4 * r * inner, source = x + 4 * (r / repeat) * inner;
                if (add) {
                    Elementwise.addScaledRun(target, source, 1, inner);
                } else {
                    copyBytes(target, source, 4L * inner);
                }
            }
        });
    }

    /** Adds {@code value} to, or puts it into, {@code n} elements. */
    private static void spread(long y, float value, int n, boolean add) {
        if (!add) {
            Elementwise.fillRun(y, value, n);
            return;
        }
        int i = 0;
        for (; i < Vectors.F.loopBound(n); i += LANES) {
            Vectors.store(y, i, Vectors.load(y, i).add(value));
        }
        for (; i < n; i++) {
            set(y, i, get(y, i) + value);
        }
    }
}
