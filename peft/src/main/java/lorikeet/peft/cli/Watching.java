package lorikeet.peft.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import lorikeet.model.Decoder;
import lorikeet.model.Evaluation;
import lorikeet.model.ModelConfig;
import lorikeet.model.Training;
import lorikeet.peft.Adapter;
import lorikeet.peft.Movements;
import lorikeet.peft.Selection;
import lorikeet.peft.report.RunData;
import lorikeet.peft.report.RunListener;
import lorikeet.peft.report.RunReport;
import lorikeet.peft.report.StepMemory;
import lorikeet.peft.report.TensorBoard;

/** All that finetune records of a run: metrics, report, live page and TensorBoard's files. */
final class Watching implements RunListener {
    private final Metrics metrics;
    private final Before before;
    private final RunReport report;
    private final TensorBoard board; // null where it is not wanted

    /**
     * What there was before the first step.
     *
     * @param texts the samples
     */
    record Before(Movements movements, Samples samples, List<String> texts) {
        static Before of(Decoder decoder, Adapter adapter, Samples samples) {
            return new Before(new Movements(decoder, adapter), samples, samples.now());
        }

        /** @param after the samples after the last step, or null */
        private List<RunData.Sample> and(List<String> after) {
            return IntStream.range(0, texts.size()).mapToObj(i -> new RunData.Sample(samples.prompt(i),
                    samples.wanted(i), texts.get(i), after == null ? null : after.get(i))).toList();
        }
    }

    /**
     * @param metrics what they say of earlier steps, of a run that is gone on with, is shown, too
     * @param target  folder for what is written
     * @param done    steps taken by then
     */
    Watching(WatchOptions options, Metrics metrics, Path target, RunReport.Subject subject, Before before, int done)
            throws IOException {
        this.metrics = metrics;
        this.before = before;
        report = new RunReport(target.resolve("report.html"), subject);
        metrics.replay(report);
        report.parameters(before.movements.before());
        report.samples(before.and(null));
        if (options.port != null) {
            System.err.println("live      " + report.serve(options.port));
        }
        board = options.tensorBoard ? new TensorBoard(target, done) : null;
    }

    /** Will show one step's memory, beside that of full fine-tuning. */
    void memory(TrainingRun training, Adapter adapter, ModelConfig model) {
        boolean full = adapter.method() instanceof Selection.Full;
        var predicted = full || training.taken() == training.steps()
                ? null
                : StepMemory.of("full fine-tuning", "the same step, as plan predicts it",
                        training.asFullFineTuning(model));
        training.watchMemory(moments -> {
            report.memory(StepMemory.of(adapter.method().name(),
                    "measured in step " + training.taken(), moments));
            if (predicted != null) {
                report.memory(predicted);
            }
        });
    }

    @Override
    public void step(Training.Step step) {
        metrics.step(step);
        report.step(step);
        if (board != null) {
            board.step(step);
        }
    }

    @Override
    public void evaluation(int step, Evaluation evaluation) {
        metrics.evaluation(step, evaluation);
        report.evaluation(step, evaluation);
        if (board != null) {
            board.evaluation(step, evaluation);
        }
    }

    /** How long the file of metrics is now. */
    long metricsBytes() throws IOException {
        return metrics.length();
    }

    /** Shows what came of it. */
    void finished(List<String> texts, String how) {
        report.samples(before.and(texts));
        try {
            report.parameters(before.movements.now());
        } catch (ArithmeticException e) {
            // The adapter came with a NaN and was not trained: how far it moved stays unknown.
        }
        report.ended(how);
    }

    /** Shows why it came to nothing, or not to its end. */
    void ended(String how) {
        report.ended(how);
    }

    @Override
    public void close() throws IOException {
        try (board) {
            report.close();
        }
    }
}
