package lorikeet.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExpressionTest {
    private static final String NAME = "transformer.h.11.attn.c_attn";

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {".*\\.(c_attn|c_proj); true", "transformer.h.11.attn.c_attn; true",
        ".*c_att; false", "c_attn; false", "(?!.*mlp).*\\.c_\\w+; true"})
    void matchesFromEndToEnd(String text, boolean expected) {
        assertThat(new Expression(text).matches(NAME)).isEqualTo(expected);
    }

    /** As Python's re.match of (.*\\.)?(pattern)$ does. */
    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"c_attn; true", "attn.c_attn; true", "ttn.c_attn; false", "h.11.attn; false",
        "c_fc|c_attn; true", "^transformer.h.11.attn.c_attn; true", "^c_attn; false", "h.1?1.*; true",
        "(?<=attn.)c_attn; true", "(?<=mlp.)c_attn; false"})
    void matchesTheNameOrWhatIsBehindADot(String text, boolean expected) {
        assertThat(new Expression(text).matchesEndOf(NAME)).isEqualTo(expected);
    }

    /** Waiting for a thread would fail in one that is interrupted. */
    @Test
    void namesInPatternsOfRanksNeedNoThread() {
        var variant = LoraVariant.PLAIN.withPatterns(Map.of("h.11.attn.c_attn", 16), Map.of());
        Thread.currentThread().interrupt();
        try {
            assertThat(variant.rankAt(new Target("h.11.attn.c_attn", "", 4, 0, 12), 4)).isEqualTo(16);
            assertThat(variant.rankAt(new Target("h.1.attn.c_attn", "", 4, 0, 12), 4)).isEqualTo(4);
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
    }

    /** The first reads the name over and over, the second stands at its end and tries 2²⁷ ways to match nothing. */
    @ParameterizedTest
    @ValueSource(strings = {"((.+)+)+x",
        ".*(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)(|)x"})
    @Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void whatFindsNoEndIsGivenUp(String text) {
        assertThatIllegalArgumentException().isThrownBy(() -> new Expression(text).matches(NAME))
                .withMessage("pattern " + text + " finds no end on " + NAME);
    }

    @Test
    void whatIsMalformedOrAbsurdIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Expression("a(")).withMessage(
                "Unclosed group in pattern a(");
        assertThatIllegalArgumentException().isThrownBy(() -> new Expression("(".repeat(100_000)))
                .withMessage("expected a pattern of at most 1000 characters, not 100000");
        assertThat(new Expression("(".repeat(499) + "a" + ")".repeat(499)).matches(NAME)).isFalse();
    }
}
