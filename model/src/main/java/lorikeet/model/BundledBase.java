package lorikeet.model;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import lorikeet.kernels.CacheFolder;

/** The small decoder that comes with Lorikeet: English as WordNet's definitions have it. Its model card lies beside it. */
public final class BundledBase {
    private static final String NAME = "bundled-base-1";
    private static final List<String> FILES =
            List.of("config.json", "model.safetensors", "tokenizer.json", "README.md");

    private BundledBase() {}

    /** Its folder: where it was built, or, where it is packed in a jar, a copy in the user's cache. */
    public static Path folder() throws IOException {
        var config = BundledBase.class.getResource("bundled/config.json");
        if (config == null) {
            throw new IOException("the bundled base is missing from this build");
        }
        if (config.getProtocol().equals("file")) {
            try {
                return Path.of(config.toURI()).getParent();
            } catch (URISyntaxException e) {
                throw new IOException(config + ": not the place of a file", e);
            }
        }
        return CacheFolder.folder(NAME, folder -> {
            for (var file : FILES) {
                try (var in = BundledBase.class.getResourceAsStream("bundled/" + file)) {
                    Files.copy(in, folder.resolve(file));
                }
            }
        });
    }
}
