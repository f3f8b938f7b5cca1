package lorikeet.kernels.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed team of threads, the caller among them, that works through numbered tasks. Which thread takes which task is a
 * matter of luck; what the tasks are must depend on shapes only, so that results do not depend on the team. Waiting
 * threads sleep: they leave the cores to whoever needs them.
 */
final class Parallel implements AutoCloseable {
    /** One task; {@code worker} is from 0 to threads − 1 and no two tasks that run at the same time share it. */
    interface Task {
        void run(int task, int worker);
    }

    /** The elements or rows {@code from} (inclusive) to {@code to} (exclusive). */
    interface Range {
        void run(long from, long to);
    }

    private final Thread[] helpers;
    private volatile Job job;
    private volatile boolean closed;

    Parallel(int threads) {
        helpers = new Thread[threads - 1];
        for (int i = 0; i < helpers.length; i++) {
            int worker = i + 1;
            helpers[i] = Thread.ofPlatform().daemon().name("lorikeet-cpu-" + worker).start(() -> help(worker));
        }
    }

    int threads() {
        return helpers.length + 1;
    }

    /** Runs tasks 0 to {@code count} − 1 and returns when all are done; the first failure of any is thrown here. */
    void tasks(int count, Task task) {
        if (count <= 1 || helpers.length == 0) {
            for (int i = 0; i < count; i++) {
                task.run(i, 0);
            }
            return;
        }
        var mine = new Job(count, task, Thread.currentThread());
        job = mine;
        for (int i = 0; i < Math.min(helpers.length, count - 1); i++) {
            LockSupport.unpark(helpers[i]);
        }
        mine.work(0);
        while (mine.finished.get() < count) {
            LockSupport.park(mine);
        }
        job = null;
        if (mine.failure != null) {
            throw mine.failure;
        }
    }

    /** Splits 0 … n − 1 into ranges of {@code grain} (the last may be shorter) and runs them as tasks. */
    void ranges(long n, long grain, Range range) {
        if (n <= grain) {
            if (n > 0) {
                range.run(0, n);
            }
            return;
        }
        tasks(Math.toIntExact(Math.ceilDiv(n, grain)), (i, _) -> range.run(i * grain, Math.min(n, (i + 1) * grain)));
    }

    private void help(int worker) {
        while (!closed) {
            var current = job;
            if (current == null || current.next.get() >= current.count) {
                LockSupport.park(this);
            } else {
                current.work(worker);
            }
        }
    }

    @Override
    public void close() {
        closed = true;
        for (var helper : helpers) {
            LockSupport.unpark(helper);
        }
    }

    private static final class Job {
        final int count;
        final Task task;
        final Thread caller;
        final AtomicInteger next = new AtomicInteger();
        final AtomicInteger finished = new AtomicInteger();
        volatile RuntimeException failure;

        Job(int count, Task task, Thread caller) {
            this.count = count;
            this.task = task;
            this.caller = caller;
        }

        void work(int worker) {
            for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
                try {
                    task.run(i, worker);
                } catch (RuntimeException | Error e) {
                    if (failure == null) { // of two at the same moment either is as good
                        failure = e instanceof RuntimeException known
                                ? known
                                : new IllegalStateException("a task of the CPU device failed", e);
                    }
                }
                if (finished.incrementAndGet() == count) {
                    LockSupport.unpark(caller);
                }
            }
        }
    }
}
