package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.List;
import java.util.zip.CRC32;
import lorikeet.model.ModelFolder;
import lorikeet.model.data.Example;
import lorikeet.model.data.Task;

/** What tells a base or a task from another of the same name, in eight hexadecimal digits. */
final class Checksum {
    private static final int CHUNK = 1 << 20;

    private Checksum() {}

    /** Of the files with the weights. */
    static String of(ModelFolder folder) throws IOException {
        var checksum = new CRC32();
        var chunk = ByteBuffer.allocateDirect(CHUNK);
        for (var file : folder.weightFiles()) {
            try (var channel = FileChannel.open(file)) {
                while (channel.read(chunk.clear()) >= 0) {
                    checksum.update(chunk.flip());
                }
            }
        }
        return hex(checksum);
    }

    /** Of all tokens and labels. */
    static String of(Task task) {
        var checksum = new CRC32();
        for (var examples : List.of(task.training(), task.evaluation())) {
            for (var example : examples) {
                update(checksum, example);
            }
        }
        return hex(checksum);
    }

    private static void update(CRC32 checksum, Example example) {
        var bytes = ByteBuffer.allocate(2 * Integer.BYTES * example.length());
        bytes.asIntBuffer().put(example.ids()).put(example.labels());
        checksum.update(bytes);
    }

    private static String hex(CRC32 checksum) {
        return "%08x".formatted(checksum.getValue());
    }
}
