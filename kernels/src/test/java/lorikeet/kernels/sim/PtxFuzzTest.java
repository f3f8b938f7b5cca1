package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a PTX text says, it is read, or refused with one line that names the text's line. */
class PtxFuzzTest {
    private static final List<String> PIECES = List.of("{", "}", "(", ")", "[", "]", "<", ">", ",", ";", ":", "|", "!",
            "@", "-", "+", "=", "\"", "/*", "//", "\n", "0x", "0f3F800000", "4294967296", "18446744073709551615", "-1",
            "0", ".reg .pred", ".param .u64", ".shared .align", ".global", ".func", ".entry", ".branchtargets",
            ".maxntid",
            "%f1", "%r", "ret", "bra", "call", "ld.param.u64", "st.shared.v4.f32", "bar.sync", "shfl.sync.bfly.b32",
            "é", "%", ".", "$", "_");

    private final String ptx = Simulation.resource("softmax.ptx");

    @Test
    @Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void someThousand() {
        load(2_000);
    }

    @Tag("long")
    @Test
    @Timeout(value = 1, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void aHundredThousand() {
        System.out.println("inputs    PTX text: " + load(100_000));
    }

    /** What is nested deep, calls much or declares much must exhaust neither stack nor memory. */
    @ParameterizedTest
    @MethodSource
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void absurd(String text) {
        assertThat(String.valueOf(refusal(text))).matches("null|PTX line [^\n]{1,1000}");
    }

    static Stream<String> absurd() {
        var chain = new StringBuilder(".func f0() { ret; }\n");
        var tree = new StringBuilder(".func f0() { ret; }\n");
        for (int i = 1; i < 2_000; i++) {
            chain.append(".func f%d() { call f%d; ret; }%n".formatted(i, i - 1));
            tree.append(".func f%d() { call f%d; call f%d; ret; }%n".formatted(i, i - 1, i - 1));
        }
        return Stream.of(".entry softmax() { mov.u32 " + "{".repeat(100_000) + "; }",
                ".entry softmax() { mov.u32 " + "(".repeat(100_000) + "; }",
                ".entry softmax() { mov.u32 " + "[".repeat(100_000) + "; }",
                ".entry softmax() { " + "{".repeat(100_000) + "; }",
                chain + ".entry softmax() { call f1999; ret; }", tree + ".entry softmax() { call f1999; ret; }",
                ".entry softmax() { .reg .f32 %f<2000000000>; ret; }",
                ".global .f64 x[250000000]; .entry softmax() { ret; }",
                ".global .b8 x[8000000000]; .entry softmax() { ret; }");
    }

    private String load(int texts) {
        var random = new Random(1);
        int read = 0;
        for (int i = 0; i < texts; i++) {
            var text = mutated(random);
            try {
                var refusal = refusal(text);
                read += refusal == null ? 1 : 0;
                assertThat(refusal == null ? "PTX line " : refusal).startsWith("PTX line ").doesNotContain("\n");
            } catch (RuntimeException | Error e) {
                throw new AssertionError("text " + i + ":\n" + text, e);
            }
        }
        assertThat(read).isBetween(1, texts - 1); // some changes are harmless, some are not
        return texts + ", of which " + read + " were read and the others refused with a line";
    }

    private static String refusal(String text) {
        try (var sim = new Simulation(Simulation.EXACT)) {
            sim.gpu.load(text, "softmax");
            return null;
        } catch (PtxException refused) {
            return refused.getMessage();
        } catch (IllegalArgumentException refused) {
            assertThat(refused).hasMessageStartingWith("the PTX module has no kernel ");
            return "PTX line none";
        }
    }

    private String mutated(Random random) {
        var text = new StringBuilder(ptx);
        for (int change = random.nextInt(1, 5); change > 0; change--) {
            int from = random.nextInt(text.length());
            int to = Math.min(text.length(), from + random.nextInt(random.nextInt(8) == 0 ? 200 : 6));
            text.replace(from, to, random.nextBoolean()
                    ? PIECES.get(random.nextInt(PIECES.size()))
                    : ptx.substring(from = random.nextInt(ptx.length() - 30), from + random.nextInt(30)));
        }
        return text.toString();
    }
}
