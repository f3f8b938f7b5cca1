package lorikeet.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class DocumentTest {
    @Test
    void whatIsWrittenByHandStays() {
        var first = Document.replace("# Benchmarks\n", "step", "old\n");
        assertThat(first).isEqualTo("# Benchmarks\n\n## Step\n\n<!-- step -->\nold\n<!-- end of step -->\n");
        var edited = first.replace("## Step", "## A step, said better").concat("\nAnd why.\n");
        assertThat(Document.replace(edited, "step", "new\n")).isEqualTo(edited.replace("old", "new"));
    }

    @Test
    void aMarkThatIsNotClosedIsAnError() {
        assertThatThrownBy(() -> Document.replace("<!-- step -->\nold\n", "step", "new\n"))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("end of step");
    }
}
