package lorikeet.peft;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** IA3's options as fields of Hugging Face PEFT's {@code adapter_config.json} (peft_type IA3). */
final class Ia3Config {
    static final String TYPE = "IA3";

    private Ia3Config() {}

    static Ia3 read(AdapterConfig config) throws IOException {
        config.requireUnused("fan_in_fan_out", "true");
        config.requireUnused("modules_to_save", null);
        config.requireUnused("init_ia3_weights", "true");
        return new Ia3(TargetsConfig.read(config, Ia3.USUAL.targets().include()),
                TargetsConfig.names(config, "feedforward_modules", Ia3.USUAL.inputs()));
    }

    static Map<String, Object> write(Ia3 ia3) {
        var fields = new HashMap<String, Object>();
        fields.put("peft_type", TYPE);
        fields.put("fan_in_fan_out", true);
        fields.put("feedforward_modules", ia3.inputs().json());
        fields.put("init_ia3_weights", true);
        fields.put("modules_to_save", null);
        fields.put("target_modules", TargetsConfig.names(ia3.targets()));
        return fields;
    }

    /**
     * PEFT's IA3 knows no numbers of layers, either, and no feed-forward modules that are not among the names of its targets:
     * where it would not find the same layers, they are listed.
     */
    static Stored stored(BranchAdapter adapter) {
        var stored = Stored.of(adapter);
        var ia3 = (Ia3) adapter.method();
        if (ia3.targets().layers().isEmpty() && ia3.targets().isPlain(adapter.shape())
                && (!(TargetsConfig.names(ia3.targets()) instanceof List<?> names)
                        || names.containsAll(ia3.inputs().names()))
                && ia3.targets().in(adapter.shape()).stream().allMatch(
                        place -> !ia3.scalesInput(place) || ia3.inputs().matchesInTransformers(place.layer()))) {
            return stored;
        }
        var branches = adapter.branches().stream().map(Ia3.Branch.class::cast).toList();
        var inputs = branches.stream().filter(Ia3.Branch::scalesInput).map(branch -> branch.linear().name()).toList();
        var names = branches.stream().map(branch -> branch.linear().name()).toArray(String[]::new);
        return new Stored(new Ia3(Targets.of(names), new NamePattern(inputs, null)), stored.tensors());
    }
}
