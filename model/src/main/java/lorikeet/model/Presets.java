package lorikeet.model;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Models known by name, as far as their shapes go; their weights are not here. */
public final class Presets {
    private static final Map<String, ModelConfig> ALL = new LinkedHashMap<>();

    static {
        gpt2("gpt2", 768, 12, 12);
        gpt2("gpt2-medium", 1024, 24, 16);
        gpt2("gpt2-large", 1280, 36, 20);
        gpt2("gpt2-xl", 1600, 48, 25);
        // Brown et al. 2020; its sparse attention has no parameters of its own
        add("gpt3-175b", ModelShape.gpt2(50257, 2048, 12288, 96, 96));
        // the lecture gives a size, 7B, but no shape: this one has 7,000,000,000 parameters exactly
        add("lecture-7b", ModelShape.gpt2(54806, 2048, 4480, 28, 35));
        add("llama-7b", ModelShape.llama(32000, 2048, 4096, 32, 32, 32, 11008));
        add("mistral-7b", ModelShape.llama(32000, 32768, 4096, 32, 32, 8, 14336));
    }

    private Presets() {}

    private static void gpt2(String name, int width, int layers, int heads) {
        ALL.put(name, new ModelConfig(ModelShape.gpt2(50257, 1024, width, layers, heads),
                new Dropouts(0.1f, 0.1f, 0.1f), 50256));
    }

    private static void add(String name, ModelShape shape) {
        ALL.put(name, new ModelConfig(shape, Dropouts.NONE, shape.vocabulary() - 1));
    }

    /** Of all presets, smaller models first. */
    public static Set<String> names() {
        return Collections.unmodifiableSet(ALL.keySet());
    }

    /** The model called {@code name}, or null. */
    public static ModelConfig of(String name) {
        return ALL.get(name);
    }
}
