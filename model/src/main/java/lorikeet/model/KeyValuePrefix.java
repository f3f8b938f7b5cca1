package lorikeet.model;

import java.util.List;
import lorikeet.engine.Tensor;

/** The socket in front of every layer's keys and values: prefix tuning. */
public interface KeyValuePrefix {
    /** Number of virtual tokens; the real ones' positions start after them. */
    int length();

    /** For each layer [length, 2 · keyValueWidth]: keys and values side by side. Called once per pass. */
    List<Tensor> keyValues(Pass pass);
}
