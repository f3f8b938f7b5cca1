package lorikeet.bench;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import lorikeet.model.ModelShape;

/**
 * The step as a program in TorchScript, which reaches what DJL's arrays do not: bf16, fused attention, GELU by tanh, fused
 * AdamW. The archive that libtorch loads is a zip of the source and of a pickled object without parameters; both are
 * written here, without Python.
 */
final class TorchScript {
    /** The number of a data type in libtorch. */
    static final int FLOAT = 6, BFLOAT16 = 15;

    private static final String CLASS = """
            class Step(Module):
              __parameters__ = []
              __buffers__ = []
              training : bool
              frozen : Optional[List[Tensor]]
            """;

    /**
     * Weights come as fp32. Frozen ones are converted in the first call, which says all that later calls need; trained
     * ones are converted anew in each step, as autocast does.
     */
    private static final String LOSS = """
              def linear(self: __torch__.Step, x: Tensor, w: List[Tensor], at: int, lora: List[Tensor], branch: int) -> Tensor:
                h = torch.linear(x, w[at], w[torch.add(at, 1)])
                if torch.lt(branch, torch.len(lora)):
                  a = torch.to(lora[branch], TYPE)
                  b = torch.to(lora[torch.add(branch, 1)], TYPE)
                  h = torch.add(h, torch.linear(torch.linear(x, a), b), alpha=2.)
                return h
              def forward(self: __torch__.Step, ids: Tensor, labels: Tensor, weights: List[Tensor]LORA_PARAMETER) -> Tensor:
                LORA_DEFAULT
                w = annotate(List[Tensor], [])
                frozen = self.frozen
                if frozen is None:
                  for weight in weights:
                    w = torch.append(w, torch.to(weight, TYPE))
                  if FREEZE:
                    self.frozen = w
                else:
                  w = frozen
                length = torch.size(ids, 1)
                count = torch.size(ids, 0)
                x = torch.add(torch.embedding(w[0], ids), torch.slice(w[1], 0, 0, length))
                for i in range(LAYERS):
                  at = torch.add(2, torch.mul(i, 12))
                  branch = torch.mul(i, BRANCHES)
                  n1 = torch.layer_norm(x, [WIDTH], w[at], w[torch.add(at, 1)], 1e-05)
                  qkv = (self).linear(n1, w, torch.add(at, 2), lora, branch, )
                  q, k, v = torch.split(qkv, WIDTH, 2)
                  q1 = torch.transpose(torch.view(q, [count, length, HEADS, SIZE]), 1, 2)
                  k1 = torch.transpose(torch.view(k, [count, length, HEADS, SIZE]), 1, 2)
                  v1 = torch.transpose(torch.view(v, [count, length, HEADS, SIZE]), 1, 2)
                  mixed = torch.scaled_dot_product_attention(q1, k1, v1, None, 0., True)
                  mixed1 = torch.reshape(torch.transpose(mixed, 1, 2), [count, length, WIDTH])
                  x = torch.add(x, (self).linear(mixed1, w, torch.add(at, 4), lora, BRANCH_2, ))
                  n2 = torch.layer_norm(x, [WIDTH], w[torch.add(at, 6)], w[torch.add(at, 7)], 1e-05)
                  inner = torch.gelu((self).linear(n2, w, torch.add(at, 8), lora, BRANCH_3, ), approximate="tanh")
                  x = torch.add(x, (self).linear(inner, w, torch.add(at, 10), lora, BRANCH_4, ))
                last = torch.add(2, torch.mul(LAYERS, 12))
                y = torch.layer_norm(x, [WIDTH], w[last], w[torch.add(last, 1)], 1e-05)
                predicting = torch.reshape(torch.slice(y, 1, 0, -1), [-1, WIDTH])
                logits = torch.linear(predicting, w[0])
                return torch.cross_entropy_loss(torch.to(logits, FLOAT), labels)
            """;

    private static final String ADAMW = """
              def forward(self: __torch__.Step, values: List[Tensor], gradients: List[Tensor], means: List[Tensor], variances: List[Tensor], steps: List[Tensor]) -> Tensor:
                for step in steps:
                  _0 = torch.add_(step, 1)
                _1 = torch._fused_adamw_(values, gradients, means, variances, annotate(List[Tensor], []), steps, lr=RATE, beta1=0.9, beta2=0.999, weight_decay=DECAY, eps=1e-08, amsgrad=False, maximize=False)
                return steps[0]
            """;

    private TorchScript() {}

    /**
     * The loss of a GPT-2: forward(ids, labels, weights[], lora[]) with matrices as [out, in]. Without LoRA, the last is
     * left out and nothing is frozen.
     *
     * @param type     what it computes in
     * @param branches LoRA branches in each layer: 0, 1 (c_attn) or 4 (all linear layers)
     */
    static Model loss(ModelShape shape, int type, int branches) throws IOException {
        var code = CLASS + LOSS
                .replace("LORA_PARAMETER", branches == 0 ? "" : ", lora: List[Tensor]")
                .replace("    LORA_DEFAULT\n", branches == 0 ? "    lora = annotate(List[Tensor], [])\n" : "")
                .replace("FREEZE", branches > 0 ? "True" : "False")
                .replace("BRANCHES", "" + 2 * branches);
        for (int nth = 2; nth <= 4; nth++) { // of two tensors each; beyond the list there is no branch
            code = code.replace("BRANCH_" + nth,
                    branches == 4 ? "torch.add(branch, " + 2 * (nth - 1) + ")" : "torch.len(lora)");
        }
        return load(code.replace("TYPE", "" + type).replace("FLOAT", "" + FLOAT)
                .replace("LAYERS", "" + shape.layers()).replace("WIDTH", "" + shape.width())
                .replace("HEADS", "" + shape.heads()).replace("SIZE", "" + shape.headSize()));
    }

    /** One AdamW step: forward(values[], gradients[], means[], variances[], steps[]). */
    static Model adamw(double rate, double decay) throws IOException {
        return load(CLASS + ADAMW.replace("RATE", "" + rate).replace("DECAY", "" + decay));
    }

    private static Model load(String code) throws IOException {
        var folder = Files.createTempDirectory("lorikeet-torchscript");
        var file = folder.resolve("step.pt");
        try (var out = Files.newOutputStream(file)) {
            write(out, code);
        }
        var model = Model.newInstance("step", "PyTorch");
        try {
            model.load(folder, "step.pt");
        } catch (MalformedModelException e) {
            throw new IOException("libtorch does not take the program", e);
        } finally {
            Files.delete(file);
            Files.delete(folder);
        }
        return model;
    }

    private static void write(OutputStream out, String code) throws IOException {
        try (var zip = new ZipOutputStream(out)) {
            entry(zip, "data.pkl", object());
            entry(zip, "code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
            entry(zip, "constants.pkl", new byte[] {(byte) 0x80, 2, ')', '.'}); // an empty tuple
            entry(zip, "version", "10\n".getBytes(StandardCharsets.UTF_8));
        }
    }

    /** A Step with training = True and frozen = None, in version 2 of Python's pickle format. */
    private static byte[] object() {
        var pickle = new ByteArrayOutputStream();
        pickle.writeBytes(new byte[] {(byte) 0x80, 2});
        pickle.writeBytes("c__torch__\nStep\n)".getBytes(StandardCharsets.US_ASCII));
        pickle.writeBytes(new byte[] {(byte) 0x81, '}', '('});
        text(pickle, "training");
        pickle.write(0x88);
        text(pickle, "frozen");
        pickle.writeBytes("Nub.".getBytes(StandardCharsets.US_ASCII));
        return pickle.toByteArray();
    }

    private static void text(ByteArrayOutputStream pickle, String text) {
        pickle.writeBytes(new byte[] {'X', (byte) text.length(), 0, 0, 0});
        pickle.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** libtorch maps the file into memory: nothing may be compressed. */
    private static void entry(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
        var entry = new ZipEntry("step/" + name);
        var checksum = new CRC32();
        checksum.update(bytes);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(bytes.length);
        entry.setCompressedSize(bytes.length);
        entry.setCrc(checksum.getValue());
        zip.putNextEntry(entry);
        zip.write(bytes);
        zip.closeEntry();
    }
}
