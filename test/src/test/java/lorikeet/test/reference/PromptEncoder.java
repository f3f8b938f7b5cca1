package lorikeet.test.reference;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What stands behind the virtual tokens of prompt tuning, prefix tuning and P-tuning. */
final class PromptEncoder {
    private static final String NAME = "prompt_encoder.";

    private final Parameters parameters;

    PromptEncoder(Parameters parameters) {
        this.parameters = parameters;
    }

    /** [virtual tokens, width]. */
    Value prompt(int width) {
        return parameters.matrix(NAME + "embedding.weight", width);
    }

    /** [virtual tokens, 2 · layers · width]: keys of layer 0, values of layer 0, keys of layer 1, … */
    Value prefix(int virtualTokens, int columns) {
        var name = NAME + "embedding.weight";
        if (!parameters.has(NAME + "transform.0.weight")) {
            return parameters.matrix(name, columns);
        }
        var embedding = parameters.matrix(name, parameters.size(name) / virtualTokens);
        var hidden = Activation.TANH.of(parameters.linear(NAME + "transform.0", embedding));
        return parameters.linear(NAME + "transform.2", hidden);
    }

    /** [virtual tokens, width]. */
    Value pTuning(int width) {
        var x = prompt(width);
        for (int layer = 0; parameters.has(NAME + "lstm_head.weight_ih_l" + layer); layer++) {
            x = Value.beside(List.of(lstm(x, "l" + layer, false), lstm(x, "l" + layer + "_reverse", true)));
        }
        x = parameters.linear(NAME + "mlp_head.0", x);
        for (int layer = 2; parameters.has(NAME + "mlp_head." + layer + ".weight"); layer += 2) {
            x = parameters.linear(NAME + "mlp_head." + layer, Activation.RELU.of(x));
        }
        return x;
    }

    /** One direction of one layer, [length, in] to [length, hidden]; PyTorch's order of gates: in, forget, cell, out. */
    private Value lstm(Value x, String suffix, boolean reverse) {
        int size = parameters.row(NAME + "lstm_head.bias_hh_" + suffix).columns / 4;
        var fromInput = parameters.matrix(NAME + "lstm_head.weight_ih_" + suffix, x.columns).transpose();
        var fromHidden = parameters.matrix(NAME + "lstm_head.weight_hh_" + suffix, size).transpose();
        var bias = parameters.row(NAME + "lstm_head.bias_ih_" + suffix)
                .plus(parameters.row(NAME + "lstm_head.bias_hh_" + suffix));
        var hidden = Value.constant(1, size, new double[size]);
        var cell = hidden;
        var outputs = new Value[x.rows];
        for (int step = 0; step < x.rows; step++) {
            int t = reverse ? x.rows - 1 - step : step;
            var gates = x.rows(t).matmul(fromInput).plus(hidden.matmul(fromHidden)).plus(bias);
            var in = Activation.SIGMOID.of(gates.part(0, size));
            var forget = Activation.SIGMOID.of(gates.part(1, size));
            var candidate = Activation.TANH.of(gates.part(2, size));
            var out = Activation.SIGMOID.of(gates.part(3, size));
            cell = forget.times(cell).plus(in.times(candidate));
            hidden = out.times(Activation.TANH.of(cell));
            outputs[t] = hidden;
        }
        return Value.below(new ArrayList<>(Arrays.asList(outputs)));
    }
}
