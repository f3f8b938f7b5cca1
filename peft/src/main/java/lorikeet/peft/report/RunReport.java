package lorikeet.peft.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import lorikeet.model.Evaluation;
import lorikeet.model.Training;
import lorikeet.peft.Movements.Movement;

/**
 * Collects what is known of a run, shows it live, if that is wanted, and writes {@code report.html} when the run has ended,
 * however it did.
 */
public final class RunReport implements RunListener {
    private static final String RUNNING = "running";

    /**
     * What does not change while a run goes on.
     *
     * @param about   what is trained on what, by name
     * @param trained numbers that are trained
     * @param all     numbers in base and adapter together
     * @param steps   of the whole run
     * @param command that repeats it
     * @param repeat  versions, options and fingerprints, by name
     */
    public record Subject(String title, Map<String, String> about, long trained, long all, int steps, String command,
            Map<String, String> repeat) {}

    private final Path file;
    private final Subject subject;
    private final Curves curves = new Curves();
    private final List<RunData.Evaluated> evaluations = new ArrayList<>();
    private final Map<String, StepMemory> memory = new LinkedHashMap<>();
    private Double majority;
    private List<Movement> parameters = List.of();
    private List<RunData.Sample> samples = List.of();
    private String state = RUNNING;
    private LivePage live;

    /** @param file to be written */
    public RunReport(Path file, Subject subject) {
        this.file = file;
        this.subject = subject;
    }

    /**
     * Shows the page from now on, until it is closed.
     *
     * @param port 0 = one that is free
     * @return its address
     * @throws IOException if the port is not free
     */
    public String serve(int port) throws IOException {
        live = new LivePage(port, () -> Page.json(data(true)));
        return live.address();
    }

    @Override
    public void step(Training.Step step) {
        synchronized (this) {
            curves.add(step);
        }
        if (live != null) {
            live.send("step", Page.json(Curves.Row.of(step)));
        }
    }

    @Override
    public void evaluation(int step, Evaluation evaluation) {
        change(() -> {
            evaluations.removeIf(earlier -> earlier.step() == step);
            evaluations.add(new RunData.Evaluated(step, finite(evaluation.loss()), finite(evaluation.accuracy()),
                    finite(evaluation.standardError())));
            majority = finite(evaluation.majority());
        });
    }

    /** A picture of a step; it replaces one of the same {@code how}. */
    public void memory(StepMemory picture) {
        change(() -> memory.put(picture.how(), picture));
    }

    /** The parameters of base and adapter, as far as they have moved. */
    public void parameters(List<Movement> now) {
        change(() -> parameters = List.copyOf(now));
    }

    public void samples(List<RunData.Sample> now) {
        change(() -> samples = List.copyOf(now));
    }

    /** How the run ended, in words. */
    public void ended(String how) {
        change(() -> state = how);
    }

    private void change(Runnable work) {
        synchronized (this) {
            work.run();
        }
        if (live != null) {
            live.send("run", Page.json(data(true)));
        }
    }

    private synchronized RunData data(boolean more) {
        return new RunData("finetune", subject.title, state, more, subject.about, subject.trained, subject.all,
                subject.steps, curves.columns(), List.copyOf(evaluations), majority, RunData.purposeNames(),
                List.copyOf(memory.values()), parameters, samples, subject.command, subject.repeat);
    }

    private static Double finite(double value) {
        return Double.isFinite(value) ? value : null;
    }

    /** Writes the page and takes leave of those who watch. */
    @Override
    public void close() throws IOException {
        try {
            if (state.equals(RUNNING)) {
                ended("failed");
            }
            Page.write(file, data(false));
        } finally {
            if (live != null) {
                live.close();
            }
        }
    }
}
