package lorikeet.peft.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.IntFunction;
import lorikeet.kernels.OutOfDeviceMemoryException;
import lorikeet.model.Decoder;
import lorikeet.model.Evaluation;
import lorikeet.model.ModelFolder;
import lorikeet.model.Training;
import lorikeet.model.data.Task;
import lorikeet.model.text.Tokenizer;
import lorikeet.peft.Adapter;
import lorikeet.peft.AdapterFolder;
import lorikeet.peft.Checkpoints;
import lorikeet.peft.report.RunReport;

/** One run of finetune, once everything is there. */
final class FinetuneRun {
    private final Finetune command;
    private final ModelFolder folder;
    private final Decoder decoder;
    private final Adapter adapter;
    private final Tokenizer tokenizer;
    private final Task task;
    private final Path target;
    private final Checkpoints checkpoints;
    private final Interrupts interrupts = Interrupts.listen();

    FinetuneRun(Finetune command, ModelFolder folder, Decoder decoder, Adapter adapter, Tokenizer tokenizer, Task task,
            Path target,
            Checkpoints checkpoints) {
        this.command = command;
        this.folder = folder;
        this.decoder = decoder;
        this.adapter = adapter;
        this.tokenizer = tokenizer;
        this.task = task;
        this.target = target;
        this.checkpoints = checkpoints;
    }

    int go(IntFunction<RunReport.Subject> subject) throws IOException {
        float rate = command.options.rate(LearningRates.of(adapter.method()));
        var first = Watching.Before.of(decoder, adapter,
                Samples.of(decoder, tokenizer, folder.config().endOfText(), task));
        try (var training = new TrainingRun(command.options, decoder, adapter, task, rate, command.seed.seed);
                var metrics = new Metrics(target.resolve("metrics.jsonl"))) {
            // the lock on the metrics first: what looks half-written in the folder may be another run's that goes on
            var moment = command.resume ? training.restore(checkpoints) : Checkpoints.Moment.START;
            metrics.keep(moment.metricsBytes());
            try (var watching = new Watching(command.watch, metrics, target, subject.apply(training.steps()), first,
                    moment.step())) {
                watching.memory(training, adapter, command.options.model(folder.config()));
                work(training, watching, first, moment.step());
            }
        }
        return 0;
    }

    private void work(TrainingRun training, Watching watching, Watching.Before first, int done) throws IOException {
        try {
            Evaluation before = null;
            if (done == 0) {
                checkpoints.clear();
                before = evaluate("before", watching, 0, this::stopIfAsked);
                sample(first.samples(), first.texts());
            } else {
                command.say("resumed   after step %,d", done);
            }
            var summary = train(training, watching);
            var after = evaluate("after", watching, training.steps(), this::stopIfAsked);
            var texts = first.samples().now();
            sample(first.samples(), texts);
            conclude(before, after);
            watching.finished(texts, "finished: " + summary);
        } catch (InterruptedRun asked) {
            if (training.taken() > 0) {
                training.save(checkpoints, watching.metricsBytes());
            }
            var how = "stopped after step %d of %d".formatted(training.taken(), training.steps());
            watching.ended(how);
            System.err.printf("lorikeet: %s; %sthe same command with --out %s --resume goes on%n", how,
                    training.taken() == 0 ? "" : "the adapter is in " + target + "; ", target);
            throw asked;
        } catch (IOException | RuntimeException e) {
            watching.ended("failed: " + e.getMessage());
            throw e;
        }
    }

    private void stopIfAsked() {
        if (interrupts.requested()) {
            throw new InterruptedRun();
        }
    }

    /** Answers how long it took. */
    private String train(TrainingRun training, Watching watching) throws IOException {
        TrainingRun.Outcome outcome;
        try (var bar = command.progress.bar("training", training.steps())) {
            outcome = training.go(step -> {
                watching.step(step);
                if (command.detectAnomaly && !step.finite()) {
                    training.findAnomaly(step.step());
                }
                bar.to(step.step(), "loss %.3f".formatted(step.loss()));
                between(step, training, watching);
                return !interrupts.requested();
            });
        } catch (ArithmeticException | OutOfDeviceMemoryException e) {
            AdapterFolder.save(target, adapter, command.base.base); // the last good one
            throw e;
        } catch (UncheckedIOException e) {
            throw new IOException(e.getCause().getMessage() + checkpoints.whereToGoOn(), e);
        }
        AdapterFolder.save(target, adapter, command.base.base);
        stopIfAsked();
        var summary = "%,d steps, %,d tokens in %.1f s, %,.0f tokens/s".formatted(outcome.steps(), outcome.tokens(),
                outcome.seconds(), outcome.tokens() / outcome.seconds());
        command.say("training  %s", summary);
        command.say("memory    %s; peak %.1f MB", Report.memory(outcome.memory()),
                outcome.memory().values().stream().mapToLong(Long::longValue).sum() / 1e6);
        return summary;
    }

    private void between(Training.Step step, TrainingRun training, Watching watching) {
        if (command.evalEvery > 0 && step.step() % command.evalEvery == 0) {
            evaluate("step " + step.step(), watching, step.step(), () -> {});
        }
        if (command.saveEvery > 0 && step.step() % command.saveEvery == 0) {
            try {
                training.save(checkpoints, watching.metricsBytes());
                AdapterFolder.save(target, adapter, command.base.base);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** @param meanwhile what else is done now and then */
    private Evaluation evaluate(String when, Watching watching, int step, Runnable meanwhile) {
        if (task.evaluation().isEmpty()) {
            return null;
        }
        try (var bar = command.progress.bar("evaluating", task.evaluation().size())) {
            var result = Evaluation.of(decoder, task, !task.labels().isEmpty(), folder.config().endOfText(),
                    done -> {
                        bar.to(done);
                        meanwhile.run();
                    });
            bar.close();
            watching.evaluation(step, result);
            command.say("%-9s %s", when, Report.evaluation(result));
            return result;
        }
    }

    /** What the model makes of the first example. */
    private void sample(Samples samples, List<String> texts) {
        if (!texts.isEmpty()) {
            command.say("sample    %s →%s", samples.prompt(0).replace('\n', ' '), texts.getFirst().replace('\n', ' '));
        }
    }

    private void conclude(Evaluation before, Evaluation after) {
        if (after != null && !Double.isNaN(after.accuracy())) {
            System.out.printf("accuracy  %s%.1f %% (± %.1f); always the commonest answer: %.1f %%%n",
                    before == null ? "" : "%.1f %% → ".formatted(100 * before.accuracy()), 100 * after.accuracy(),
                    100 * after.standardError(),
                    100 * after.majority());
            var yardstick = Yardstick.line(task, after);
            if (yardstick != null) {
                System.out.println("          " + yardstick);
            }
        } else if (after != null) {
            System.out.printf("loss      %s%.4f%n", before == null ? "" : "%.4f → ".formatted(before.loss()),
                    after.loss());
        }
        System.out.println("adapter   " + target);
    }
}
