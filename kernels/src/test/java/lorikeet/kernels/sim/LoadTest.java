package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the interpreter does not know is refused when a text is loaded, in one line that names the text's line. */
class LoadTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "frobnicate.s32 %r1, %r2; | unknown instruction frobnicate",
        "add.s32.fast %r1, %r2, %r3; | unknown modifier .fast",
        "add.sat.s32 %r1, %r2, %r3; | unknown modifier .sat",
        "add.s32 %r1, %r2, %q3; | unknown register %q3",
        "add.s32 %r1, %r2, %r20; | unknown register %r20",
        "add.s32 %r1, %r2, %d3; | register %d3 is .b64, expected .s32",
        "add.s64 %d1, %d2, %r3; | register %r3 is .b32, expected .s64",
        "add.s32 %r1, %r2; | expected 3 operands, found 2",
        "add.s32 5, %r2, %r3; | expected a register as target",
        "add.f32 %f1, %f2, 3; | a literal does not suit type .f32",
        "mov.u32 %r1, nowhere; | unknown register nowhere",
        "mov.u32 %r1, %clock; | unknown register %clock",
        "ld.global.u32 %r1, [nothing]; | unknown variable nothing",
        "ld.shared.u32 %r1, [x]; | x lies in another space than .shared",
        "ld.global.v2.u32 %r1, [%d1]; | expected 2 registers, found 1",
        "ld.global.u32 %h1, [%d1]; | register %h1 is .b16, expected .u32",
        "bra NOWHERE; | unknown label NOWHERE",
        "brx.idx %r1, NOWHERE; | expected the name of a .branchtargets list",
        "call nobody, (x); | unknown function nobody",
        "@%p99 mov.u32 %r1, 1; | unknown register %p99",
        "setp.xx.s32 %p1, %r1, %r2; | expected a comparison",
        "setp.neu.s32 %p1, %r1, %r2; | there is no comparison neu for .s32",
        "ex2.f32 %f1, %f2; | expected .approx or a rounding",
        "div.f32 %f1, %f2, %f3; | expected .approx or a rounding",
        "add.rz.f64 %g1, %g2, %g3; | rounding of .f64 other than to nearest is not simulated",
        "mul.s32 %r1, %r2, %r3; | there is no mul for .s32",
        "cvt.s32.f32 %r1, %f1; | there is no such conversion from .f32 to .s32",
        "atom.global.add.f32 %f1, [%d1], %f2; | floating-point atomics give results that depend on the order",
        "cvt.rn.tf32.f32 %r1, %f1; | expected cvt.rna.tf32.f32",
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f1}, {%r1}, {%r2}, {%f2}; | expected mma.sync.aligned.m16n8k8",
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f1,%f2}, {%r1}, {%r2}, {%f2}; | expected 4 registers in braces as operand 1",
        "shfl.bfly.b32 %r1, %r2, 1, 31; | expected shfl.sync",
        "bar.arrive 0, 64; | expected a barrier for the whole block",
        "bar.sync 1, 64; | expected 1 operands, found 2",
        "A: mov.u32 %r1, 1; A: ret; | label A stands here a second time",
        "mov.u32 %r1, 0x1G; | expected a number instead of '0x1G'",
        "mov.u32 %r1 %r2; | expected ',' instead of '%r2'",
        ".reg .b33 %x; | expected a type instead of '.b33'",
        ".local .align 4 .b8 a[600000]; | more than 524288 bytes of shared or local memory",
        ".align 4; | expected an instruction instead of '.align'",
    })
    void refusesWhatItDoesNotKnow(String line, String why) {
        try (var sim = new Simulation(Simulation.EXACT)) {
            assertThatThrownBy(() -> sim.gpu.load(Simulation.kernel(".param .u64 x", line + "\nret;"), "k"))
                    .isInstanceOf(PtxException.class).hasMessageContaining(why).message()
                    .startsWith("PTX line 7 `" + line.strip() + "`: ").doesNotContain("\n");
        }
    }

    @Test
    void refusesAModuleForNewerProcessors() {
        var kernel = Simulation.kernel(".param .u64 x", "ret;").replace("sm_75", "sm_80");
        try (var old = new Simulation(Simulation.EXACT);
                var ampere = new Simulation(Simulation.EXACT.withCapability(80))) {
            assertThatThrownBy(() -> old.gpu.load(kernel, "k")).isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("the PTX module is for sm_80 and newer, this is sm_75");
            assertThat(ampere.gpu.load(kernel, "k").name()).isEqualTo("k");
        }
    }

    @Test
    void refusesRecursion() {
        var ptx = """
                .visible .func f() { call g; ret; }
                .func g() { call f; ret; }
                .visible .entry k() { call f; ret; }
                """;
        try (var sim = new Simulation(Simulation.EXACT)) {
            assertThatThrownBy(() -> sim.gpu.load(ptx, "k")).hasMessageContaining("recursion");
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "hello | PTX line 1 `hello`: expected a function or a variable instead of 'hello'",
        ".visible .entry k( | PTX line 1",
        ".visible .entry k() { | PTX line 1",
        ".visible .entry k() { /* | PTX line 1",
        ".visible .entry k() .maxregs 5 { ret; } | unknown directive instead of '.maxregs'",
        ".global .u32 x[2] = {1, 2, 3}; | more initial values than elements",
        ".global .u32 x[99999999999999999]; | a number is too large",
        ".visible .entry k(.param .b8 a[2000000000], .param .b8 b[2000000000]) { ret; } | more than 4096 bytes of parameters",
        ".global .u64 x = generic(y); | initial values must be numbers",
    })
    void refusesMalformedText(String text, String why) {
        try (var sim = new Simulation(Simulation.EXACT)) {
            assertThatThrownBy(() -> sim.gpu.load(text, "k")).isInstanceOf(PtxException.class)
                    .hasMessageContaining(why);
        }
    }

    @Test
    void directivesAndCommentsAreSkipped() {
        try (var sim = new Simulation(Simulation.EXACT.withCapability(90))) {
            var kernel = sim.gpu.load("""
                    // a comment; with { marks
                    .version 9.0
                    .target sm_90a, debug
                    .address_size 64
                    .file 1 "a.cu"
                    /* and
                       one more */
                    .extern .shared .align 16 .b8 dynamic[];
                    .visible .entry k(
                        .param .u64 .ptr .global .align 16 p,
                        .param .f32 x
                    )
                    .maxntid 256, 1, 1
                    .noreturn
                    {
                        .pragma "nounroll";
                        .reg .b32 \t%a, %b<3>, c;
                        .loc 1 7 3
                        mov.u32 \tc, 7;  // done
                    }
                    """, "k");
            assertThat(kernel.name()).isEqualTo("k");
            sim.gpu.launch(kernel, Simulation.grid(1, 32), 0, 0L, 1f);
            sim.gpu.synchronise();
        }
    }
}
