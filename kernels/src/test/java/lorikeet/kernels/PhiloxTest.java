package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The known answers that come with Random123 1.14, the authors' own implementation. */
class PhiloxTest {

    /** Key = seed, counter = (block number, stream), low words first. */
    @Test
    void knownAnswers() {
        assertThat(Philox.block(new RandomKey(0, 0), 0)).containsExactly(0x6627e8d5, 0xe169c58d, 0xbc57ac4c,
                0x9b00dbd8);
        assertThat(Philox.block(new RandomKey(-1, -1), -1)).containsExactly(0x408f276d, 0x41c83b0e, 0xa20bc7c6,
                0x6d5451fd);
        var key = new RandomKey(0x299f31d0a4093822L, 0x0370734413198a2eL);
        assertThat(Philox.block(key, 0x85a308d3243f6a88L)).containsExactly(0xd16cfe09, 0x94fdcceb, 0x5001e420,
                0x24126ea1);
    }

    /** In whatever order they are asked for. */
    @Test
    void elementsAreThoseOfTheBlocks() {
        var key = new RandomKey(3, 4);
        var philox = new Philox(key);
        for (long i : new long[] {0, 1, 2, 3, 4, 9, 2, 1L << 40, (1L << 40) + 7, 0}) {
            int word = Philox.block(key, i / 4)[(int) (i % 4)];
            assertThat(philox.wordAt(i)).isEqualTo(word);
            assertThat(philox.uniformAt(i)).isEqualTo(Philox.uniform(word)).isBetween(0f, 1f);
        }
    }
}
