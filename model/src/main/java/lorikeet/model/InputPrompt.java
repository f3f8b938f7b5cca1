package lorikeet.model;

import lorikeet.engine.Tensor;

/** The socket in front of the embedded sequence: prompt tuning and P-tuning. */
public interface InputPrompt {
    /** Number of virtual tokens. */
    int length();

    /** [length, width]. Called once per pass. */
    Tensor vectors(Pass pass);
}
