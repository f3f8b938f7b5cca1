package lorikeet.engine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PrintableTest {
    @Test
    void whatATerminalWouldObeyIsSpeltOut() {
        assertThat(Printable.line("a\nb\r\u001b[2J\u202e\u2028\u0085\ud800")).isEqualTo(
                "a\\u000ab\\u000d\\u001b[2J\\u202e\\u2028\\u0085\\ud800");
        assertThat(Printable.line("größer → 鹦鹉 🦜 \"x\"")).isEqualTo("größer → 鹦鹉 🦜 \"x\"");
    }

    @Test
    void whatIsAbsurdlyLongIsCut() {
        assertThat(Printable.line("x".repeat(2_000))).hasSize(2_000);
        assertThat(Printable.line("x".repeat(1_000_000))).hasSize(2_001).endsWith("x…");
    }
}
