package lorikeet.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TableTest {
    @Test
    void isMarkdownWhoseColumnsLineUp() {
        var table = new Table("Title", "name", "µs");
        table.row("a", 1234.4);
        table.row("longer", Double.NaN);
        table.row("count", 1234567);
        assertThat(table.toString()).isEqualTo("""
                Title

                | name   |        µs |
                |:-------|----------:|
                | a      |     1,234 |
                | longer |         – |
                | count  | 1,234,567 |
                """);
    }

    @Test
    void numbersHaveThreeDigits() {
        var table = new Table("", "a", "b", "c", "d");
        table.row(0.12345, 1.2345, 12.345, 123.45);
        assertThat(table.toString()).contains("| 0.123 | 1.23 | 12.3 | 123 |");
    }

    @Test
    void aRowHasAllCells() {
        var table = new Table("", "a", "b");
        assertThatThrownBy(() -> table.row(1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void targetsSayByHowMuchTheyAreMissed() {
        assertThat(Table.target(0.8, 0.85)).isEqualTo("≤ 0.85 ✓");
        assertThat(Table.target(1.5, 1.2)).isEqualTo("≤ 1.20 missed by 25 %");
        assertThat(Table.target(Double.NaN, 1.2)).contains("missed");
    }
}
