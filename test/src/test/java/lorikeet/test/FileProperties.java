package lorikeet.test;

import static lorikeet.test.Trial.requireClose;
import static lorikeet.test.Trial.requireSame;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import lorikeet.engine.SafetensorsFile;
import lorikeet.engine.SafetensorsWriter;
import lorikeet.engine.Shape;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.Bottleneck;
import lorikeet.peft.Lora;
import lorikeet.peft.PromptLearning;
import lorikeet.peft.Selection;

/** Adapters on disk. */
final class FileProperties {
    private static final String CONFIG = "adapter_config.json";
    private static final JsonMapper JSON = new JsonMapper();

    private FileProperties() {}

    private static Path weights(Trial trial) {
        return trial.folder
                .resolve(trial.method instanceof Bottleneck ? "adapter.safetensors" : "adapter_model.safetensors");
    }

    private static Subject saved(Trial trial) throws IOException {
        var subject = trial.learned();
        AdapterFolder.save(trial.folder, subject.adapter(), "base");
        return subject;
    }

    /** Nothing is said, nothing is lost, and nothing but the adapter is there. */
    static void roundTrip(Trial trial) throws IOException {
        var subject = saved(trial);
        var files = new ArrayList<>(List.of(CONFIG, weights(trial).getFileName().toString()));
        if (trial.method instanceof PromptLearning virtual && virtual.reparametrised()) {
            files.add("reparametrisation.safetensors");
        }
        try (var there = Files.list(trial.folder)) {
            assertThat(there.map(file -> file.getFileName().toString())).containsExactlyInAnyOrderElementsOf(files);
        }
        assertThat(VirtualTokensTest.remarks(() -> AdapterFolder.readMethod(trial.folder))).isEmpty();
        var again = trial.loaded(trial.folder);
        requireClose(trial.logits(again), trial.logits(subject));
        if (!TrainingProperties.isJoined(trial)) {
            requireSame(again.values(), subject.values());
            if (!(trial.method instanceof Selection)) {
                requireSame(Trial.weights(again.decoder()), Trial.weights(subject.decoder()));
            }
        }
        var config = Files.readAllBytes(trial.folder.resolve(CONFIG));
        var tensors = Files.readAllBytes(weights(trial));
        AdapterFolder.save(trial.folder, again.adapter(), "base");
        assertThat(trial.folder.resolve(CONFIG)).hasBinaryContent(config);
        assertThat(weights(trial)).hasBinaryContent(tensors);
    }

    /** Every tensor that is missing or misshapen, and one that does not belong, is named, and nothing is attached. */
    static void strict(Trial trial) throws IOException {
        saved(trial);
        var file = weights(trial);
        var tensors = read(file);
        for (var name : tensors.keySet()) {
            var less = new LinkedHashMap<>(tensors);
            less.remove(name);
            refuses(trial, file, less, name, "missing");
            var misshapen = new LinkedHashMap<>(tensors);
            var shape = tensors.get(name).info().engineShape();
            misshapen.put(name, SafetensorsWriter.Source.of(name, Shape.of((int) shape.size() + 1),
                    new float[(int) shape.size() + 1]));
            refuses(trial, file, misshapen, name, "shape");
        }
        var more = new LinkedHashMap<>(tensors);
        var stranger = "base_model.model.transformer.h.0.attn.c_attn.stranger.weight";
        more.put(stranger, SafetensorsWriter.Source.of(stranger, Shape.of(1), new float[1]));
        refuses(trial, file, more, stranger);
        SafetensorsWriter.write(file, Map.of("format", "pt"), tensors.values());
        trial.loaded(trial.folder);
    }

    private static Map<String, SafetensorsWriter.Source> read(Path path) throws IOException {
        var tensors = new LinkedHashMap<String, SafetensorsWriter.Source>();
        try (var file = SafetensorsFile.open(path)) {
            for (var info : file.tensors()) {
                tensors.put(info.name(),
                        SafetensorsWriter.Source.of(info.name(), info.engineShape(), file.floats(info.name())));
            }
        }
        return tensors;
    }

    private static void refuses(Trial trial, Path file, Map<String, SafetensorsWriter.Source> tensors, String... named)
            throws IOException {
        SafetensorsWriter.write(file, Map.of("format", "pt"), tensors.values());
        try (var decoder = trial.base()) {
            long bytes = trial.device.memory().ledger().current();
            var before = Trial.weights(decoder);
            assertThatIOException().isThrownBy(() -> AdapterFolder.load(trial.folder, decoder))
                    .satisfies(refusal -> assertThat(refusal.getMessage()).contains(named));
            CompositionProperties.requireBare(decoder);
            requireSame(Trial.weights(decoder), before);
            assertThat(trial.device.memory().ledger().current()).isEqualTo(bytes);
        }
    }

    /** Fields survive their reading; one from the future is warned of and changes nothing. */
    static void configuration(Trial trial) throws IOException {
        saved(trial);
        var config = trial.folder.resolve(CONFIG);
        var json = (ObjectNode) JSON.readTree(config.toFile());
        var method = AdapterFolder.readMethod(trial.folder);
        if (isWrittenInFull(trial)) {
            assertThat(method).isEqualTo(trial.method);
        }
        Files.writeString(config, json.deepCopy().put("from_the_future", 1).toString());
        assertThat(VirtualTokensTest.remarks(() -> assertThat(AdapterFolder.readMethod(trial.folder))
                .isEqualTo(method))).contains("from_the_future").hasLineCount(1);
        Files.writeString(config, json.toString().replaceFirst("\\{", "["));
        assertThatIOException().isThrownBy(() -> AdapterFolder.readMethod(trial.folder)).withMessageContaining(CONFIG);
    }

    /** Not what has no field in these files: a learning-rate ratio, first values that others do not know, a layer's init. */
    private static boolean isWrittenInFull(Trial trial) {
        return switch (trial.method) {
            case Lora lora -> !TrainingProperties.isJoined(trial) && lora.variant().rateRatio() == 1
                    && !lora.targets().include().names().contains("all-linear");
            case Selection _ -> true;
            default -> false;
        };
    }
}
