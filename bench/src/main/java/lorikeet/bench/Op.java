package lorikeet.bench;

import java.util.List;
import lorikeet.kernels.AttentionShape;
import lorikeet.kernels.Buffer;
import lorikeet.kernels.DType;
import lorikeet.kernels.Device;
import lorikeet.kernels.Matrix;
import lorikeet.kernels.Purpose;
import lorikeet.kernels.Spans;
import lorikeet.kernels.Unary;

/** The ops of the ladder: each as its formula reads, one number after the other, and as the device's verb. */
enum Op {
    SOFTMAX {
        @Override
        List<Integer> inputs(Size size) {
            return List.of(size.rows * size.columns);
        }

        @Override
        void naive(float[] y, float[][] x, Size size) {
            for (int r = 0; r < size.rows; r++) {
                int at = r * size.columns;
                float largest = Float.NEGATIVE_INFINITY;
                for (int c = 0; c < size.columns; c++) {
                    largest = Math.max(largest, x[0][at + c]);
                }
                double sum = 0;
                for (int c = 0; c < size.columns; c++) {
                    sum += Math.exp(x[0][at + c] - largest);
                }
                for (int c = 0; c < size.columns; c++) {
                    y[at + c] = (float) (Math.exp(x[0][at + c] - largest) / sum);
                }
            }
        }

        @Override
        void run(Device device, Buffer y, List<Buffer> x, Size size) {
            device.softmax(y, x.getFirst(), size.rows, size.columns);
        }
    },

    LAYER_NORM {
        @Override
        List<Integer> inputs(Size size) {
            return List.of(size.rows * size.columns, size.columns, size.columns);
        }

        @Override
        void naive(float[] y, float[][] x, Size size) {
            for (int r = 0; r < size.rows; r++) {
                int at = r * size.columns;
                double mean = 0;
                for (int c = 0; c < size.columns; c++) {
                    mean += x[0][at + c] / (double) size.columns;
                }
                double variance = 0;
                for (int c = 0; c < size.columns; c++) {
                    variance += (x[0][at + c] - mean) * (x[0][at + c] - mean) / size.columns;
                }
                for (int c = 0; c < size.columns; c++) {
                    y[at + c] = (float) ((x[0][at + c] - mean) / Math.sqrt(variance + EPSILON) * x[1][c] + x[2][c]);
                }
            }
        }

        @Override
        void run(Device device, Buffer y, List<Buffer> x, Size size) {
            device.layerNorm(y, scratch(device, size.rows), scratch(device, size.rows), x.get(0), x.get(1), x.get(2),
                    size.rows, size.columns, EPSILON);
        }
    },

    GELU {
        @Override
        List<Integer> inputs(Size size) {
            return List.of(size.rows * size.columns);
        }

        @Override
        void naive(float[] y, float[][] x, Size size) {
            for (int i = 0; i < y.length; i++) {
                double v = x[0][i];
                y[i] = (float) (0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))));
            }
        }

        @Override
        void run(Device device, Buffer y, List<Buffer> x, Size size) {
            device.unary(Unary.GELU_TANH, y, x.getFirst());
        }
    },

    /** [rows, columns] × [columns, columns]. */
    MATMUL {
        @Override
        List<Integer> inputs(Size size) {
            return List.of(size.rows * size.columns, size.columns * size.columns);
        }

        @Override
        double flops(Size size) {
            return 2.0 * size.rows * size.columns * size.columns;
        }

        @Override
        void naive(float[] y, float[][] x, Size size) {
            int n = size.columns;
            for (int i = 0; i < size.rows; i++) {
                for (int j = 0; j < n; j++) {
                    float sum = 0;
                    for (int k = 0; k < n; k++) {
                        sum += x[0][i * n + k] * x[1][k * n + j];
                    }
                    y[i * n + j] = sum;
                }
            }
        }

        @Override
        void run(Device device, Buffer y, List<Buffer> x, Size size) {
            device.gemm(Matrix.of(y, size.rows, size.columns), Matrix.of(x.get(0), size.rows, size.columns),
                    Matrix.of(x.get(1), size.columns, size.columns), 1, false, null);
        }
    },

    /** One causal sequence of {@code rows} tokens, {@code columns} / 64 heads. */
    ATTENTION {
        @Override
        List<Integer> inputs(Size size) {
            int each = size.rows * size.columns;
            return List.of(each, each, each);
        }

        @Override
        double flops(Size size) {
            return 2.0 * size.rows * size.rows * size.columns; // half of each square, two products
        }

        @Override
        void naive(float[] y, float[][] x, Size size) {
            var weights = new double[size.rows];
            for (int head = 0; head < size.columns; head += HEAD) {
                for (int i = 0; i < size.rows; i++) {
                    double sum = 0;
                    for (int j = 0; j <= i; j++) {
                        double score = 0;
                        for (int d = head; d < head + HEAD; d++) {
                            score += x[0][i * size.columns + d] * x[1][j * size.columns + d];
                        }
                        sum += weights[j] = Math.exp(score / Math.sqrt(HEAD));
                    }
                    for (int d = head; d < head + HEAD; d++) {
                        double mixed = 0;
                        for (int j = 0; j <= i; j++) {
                            mixed += weights[j] / sum * x[2][j * size.columns + d];
                        }
                        y[i * size.columns + d] = (float) mixed;
                    }
                }
            }
        }

        @Override
        void run(Device device, Buffer y, List<Buffer> x, Size size) {
            int heads = size.columns / HEAD;
            device.attention(matrix(y, size), scratch(device, (long) size.rows * heads), matrix(x.get(0), size),
                    matrix(x.get(1), size), matrix(x.get(2), size), null, null,
                    Spans.on(device, new int[] {0, size.rows}, new int[] {0}, new int[] {0}),
                    new AttentionShape(heads, heads, HEAD, (float) (1 / Math.sqrt(HEAD))));
        }

        private Matrix matrix(Buffer x, Size size) {
            return Matrix.of(x, size.rows, size.columns);
        }
    };

    private static final float EPSILON = 1e-5f;
    private static final int HEAD = 64;

    /** Rows and columns of the result. */
    record Size(int rows, int columns) {
        int elements() {
            return rows * columns;
        }
    }

    /** As in a layer of GPT-2 small. */
    static final Size LARGE = new Size(512, 768);
    /** What a simulated GPU does in a second or so. */
    static final Size SMALL = new Size(64, 128);

    /** Elements of each operand. */
    abstract List<Integer> inputs(Size size);

    abstract void naive(float[] y, float[][] x, Size size);

    /** Scratch space belongs to the innermost open scope. */
    abstract void run(Device device, Buffer y, List<Buffer> x, Size size);

    /** Multiplications and additions, or 0 where memory is what counts. */
    double flops(Size size) {
        return 0;
    }

    /** Bytes that must be read and written. */
    double bytes(Size size) {
        return 4.0 * (size.elements() + inputs(size).stream().mapToInt(Integer::intValue).sum());
    }

    private static Buffer scratch(Device device, long floats) {
        return device.memory().allocate(DType.F32, floats, Purpose.WORKSPACE);
    }
}
