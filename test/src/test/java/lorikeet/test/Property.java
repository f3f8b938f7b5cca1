package lorikeet.test;

import java.util.function.Function;
import lorikeet.peft.Method;

/**
 * Something that should hold for every fine-tuning method for which it has a meaning.
 *
 * @param name      a sentence
 * @param notFor    why it has no meaning for a method, or null where it has one
 * @param check     fails where it does not hold
 */
record Property(String name, Function<Method, String> notFor, Check check) {
    interface Check {
        void run(Trial trial) throws Exception;
    }

    /** One that has a meaning for every method. */
    static Property of(String name, Check check) {
        return new Property(name, _ -> null, check);
    }
}
