package lorikeet.peft;

import lorikeet.model.WeightChanges;

/** What a method in the weights has in one place of the decoder. */
interface WeightBranch {

    void plug();

    void unplug();

    /** Writes its effect into the base's weights on behalf of {@code owner}; it is unplugged meanwhile. */
    void merge(WeightChanges changes, Object owner);

    /** Whether it changes the base itself while it is plugged in. */
    default boolean changesBase() {
        return false;
    }
}
