package lorikeet.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ScalingTest {
    @Test
    void attentionsMemoryGrowsLinearlyWithLength() {
        var lengths = new double[] {256, 512, 1024, 2048};
        var bytes = new double[lengths.length];
        for (int i = 0; i < lengths.length; i++) {
            bytes[i] = Scaling.attentionPeak((int) lengths[i], 2);
        }
        assertThat(Statistics.exponent(lengths, bytes)).isBetween(0.5, 1.05);
    }
}
