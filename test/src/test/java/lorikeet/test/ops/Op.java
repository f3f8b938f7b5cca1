package lorikeet.test.ops;

import java.util.List;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;

/**
 * One row of the table: an operation of the engine beside the formula that defines it.
 *
 * @param cases     shapes of the inputs, one list per case
 * @param domain    where the inputs lie
 * @param trainable how many of the inputs, from the first, have a gradient
 */
record Op(String name, List<List<Shape>> cases, Domain domain, int trainable, Formula formula, Engine engine) {
    /** Numbers away from zero, where formulas have kinks, of both signs or positive. */
    enum Domain {
        REAL, POSITIVE
    }

    /** The output from the inputs, in doubles. */
    interface Formula {
        double[] apply(Numbers... inputs);
    }

    /** The same by the engine. */
    interface Engine {
        Tensor apply(Tensor... inputs);
    }

    Op(String name, List<List<Shape>> cases, Domain domain, Formula formula, Engine engine) {
        this(name, cases, domain, cases.getFirst().size(), formula, engine);
    }

    Op(String name, List<List<Shape>> cases, Formula formula, Engine engine) {
        this(name, cases, Domain.REAL, formula, engine);
    }
}
