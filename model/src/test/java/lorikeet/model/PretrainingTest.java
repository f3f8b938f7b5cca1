package lorikeet.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class PretrainingTest {

    /** Whatever does not fit the context comes next, as a document of its own; what fits stays whole. */
    @Test
    void noTokenOfALongDocumentIsLost() {
        var documents = List.of(new int[] {1, 2}, new int[] {3, 4, 5, 6, 7, 8, 9}, new int[] {10, 11, 12});
        var stream = new Pretraining.Stream(_ -> documents, 12, 3);
        var batch = stream.apply(0);
        assertThat(batch.sequences().ids()).containsExactly(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        assertThat(batch.sequences().offsets()).containsExactly(0, 2, 5, 8, 9, 12);
        assertThat(stream.passes()).isEqualTo(1);
        assertThat(stream.apply(1).sequences().ids()).containsExactly(1, 2, 3, 6, 7, 8, 9, 10, 11, 1, 2, 3);
        assertThat(stream.passes()).isEqualTo(3);
    }
}
