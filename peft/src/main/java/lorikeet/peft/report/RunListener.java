package lorikeet.peft.report;

import java.io.IOException;
import lorikeet.model.Evaluation;
import lorikeet.model.Training;

/** Is told of a training run as it goes, by the thread that trains. */
public interface RunListener extends AutoCloseable {

    void step(Training.Step step);

    /** @param step after which it was made; 0 before training */
    void evaluation(int step, Evaluation evaluation);

    @Override
    void close() throws IOException;
}
