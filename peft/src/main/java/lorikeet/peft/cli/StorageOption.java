package lorikeet.peft.cli;

import java.util.Locale;
import lorikeet.kernels.DType;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** How a model's weights are stored in its file. */
final class StorageOption {
    @Option(names = "--dtype", paramLabel = "NAME", converter = Name.class,
            description = "How to store the weights, f32 or bf16. Default: f32.")
    private DType dtype;

    DType dtype() {
        return isGiven() ? dtype : DType.F32;
    }

    boolean isGiven() {
        return dtype != null;
    }

    private static final class Name implements ITypeConverter<DType> {
        @Override
        public DType convert(String name) {
            return switch (name.toLowerCase(Locale.ROOT)) {
                case "f32", "float32" -> DType.F32;
                case "bf16", "bfloat16" -> DType.BF16;
                default -> throw new TypeConversionException("expected f32 or bf16, not " + name);
            };
        }
    }
}
