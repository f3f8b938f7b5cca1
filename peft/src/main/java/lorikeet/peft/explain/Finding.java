package lorikeet.peft.explain;

import java.util.Map;
import org.knowm.xchart.internal.chartpart.Chart;

/** One thing that an adapter's numbers say. */
sealed interface Finding permits Changes, Overlaps, Movements, SoftPrompt, PrefixNorms, BottleneckNorms {

    Table table();

    /** By the name of their file, without its ending. */
    Map<String, Chart<?, ?>> pictures();
}
