package lorikeet.kernels.sim;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.IntConsumer;
import lorikeet.kernels.sim.Ptx.Operand;

/**
 * Gives the registers of a function their places. PTX has a new register for nearly every value, thousands of them; here
 * those whose values are never needed at the same time share a place, so that a warp's register files fit into a cache.
 * What counts is what one thread needs: lanes that have parted write their own part of a place only. Liveness is found by
 * the usual backward analysis; from the first to the last instruction at which it is live, a register has its place to
 * itself (linear scan, Poletto and Sarkar 1999).
 */
final class RegisterAllocation {
    /** Instructions whose first operand is a source, or not a register. */
    private static final Set<String> WITHOUT_TARGET =
            Set.of("st", "red", "bra", "brx", "bar", "barrier", "call", "ret", "exit", "trap", "prefetch", "membar",
                    "fence", "nanosleep");

    /** A register: where it is declared, and the first and last instruction at which it is live. */
    private static final class Live {
        final Scope scope;
        final String name;
        int from = Integer.MAX_VALUE;
        int to = -1;

        Live(Scope scope, String name) {
            this.scope = scope;
            this.name = name;
        }

        void at(int instruction) {
            from = Math.min(from, instruction);
            to = Math.max(to, instruction);
        }

        RegisterFile file() {
            return scope.type(name).file();
        }
    }

    /** An instruction: the registers it reads, the one or more that it certainly writes, and where it may lead. */
    private record Step(BitSet reads, BitSet writes, List<Integer> targets, boolean fallsThrough) {}

    private final int start;
    private final List<Live> registers = new ArrayList<>();
    private final Map<Scope, Map<String, Integer>> numbers = new HashMap<>();
    private final List<Step> steps = new ArrayList<>();

    private RegisterAllocation(int start) {
        this.start = start;
    }

    /**
     * Places all registers that the statements name.
     *
     * @param scopes in order of their opening braces, with their labels and registers declared
     * @param start  number of the function's first instruction
     */
    static void run(List<Ptx.Statement> body, List<Scope> scopes, int start, ProgramBuilder program) {
        var allocation = new RegisterAllocation(start);
        var scope = scopes.getFirst();
        int nextScope = 1;
        for (var statement : body) {
            switch (statement) {
                case Ptx.Open _ -> scope = scopes.get(nextScope++);
                case Ptx.Close _ -> scope = scope.parent();
                case Ptx.Operation operation -> allocation.steps.add(allocation.step(operation, scope));
                default -> {
                }
            }
        }
        allocation.findLifetimes();
        allocation.place(program);
    }

    // ---- what instructions do to registers -----------------------------------------------------------------------------

    private Step step(Ptx.Operation operation, Scope scope) {
        var reads = new BitSet();
        var writes = new BitSet();
        var operands = operation.operands();
        for (int i = 0; i < operands.size(); i++) {
            boolean target = i == 0 && !WITHOUT_TARGET.contains(operation.opcode());
            // A guarded instruction may leave its target as it was, so that the value before counts as read.
            note(operands.get(i), scope, target && operation.guard() == null ? writes::set : reads::set, reads::set);
        }
        if (operation.guard() != null) {
            note(operation.guard(), scope, reads::set);
        }
        boolean ends = operation.guard() == null && switch (operation.opcode()) {
            case "bra", "brx", "ret", "exit" -> true;
            default -> false;
        };
        return new Step(reads, writes, targets(operation, scope), !ends);
    }

    /** Notes the registers that an operand names; those in an address are read, whatever becomes of the operand. */
    private void note(Operand operand, Scope scope, IntConsumer register, IntConsumer read) {
        switch (operand) {
            case Ptx.Name name -> note(name.text(), scope, register);
            case Ptx.Not not -> note(not.predicate(), scope, read);
            case Ptx.Address address when address.base() != null -> note(address.base(), scope, read);
            case Ptx.Group group -> group.members().forEach(member -> note(member, scope, register, read));
            case Ptx.Pair pair -> {
                note(pair.first(), scope, register, read);
                note(pair.second(), scope, register, read);
            }
            case Ptx.Address _,Ptx.Literal _,Ptx.Sum _ -> {
            }
        }
    }

    private void note(String name, Scope scope, IntConsumer register) {
        var owner = scope.declaring(name);
        if (owner != null) {
            register.accept(numbers.computeIfAbsent(owner, _ -> new HashMap<>()).computeIfAbsent(name, _ -> {
                registers.add(new Live(owner, name));
                return registers.size() - 1;
            }));
        }
    }

    /** Numbers, within the function, of the instructions that a branch may lead to. */
    private List<Integer> targets(Ptx.Operation operation, Scope scope) {
        var labels = new ArrayList<String>();
        for (var operand : operation.operands()) {
            if (operand instanceof Ptx.Name name) {
                switch (operation.opcode()) {
                    case "bra" -> labels.add(name.text());
                    case "brx" -> labels.addAll(scope.targets(name.text()) == null
                            ? List.of()
                            : scope.targets(name.text()));
                    default -> {
                    }
                }
            }
        }
        return labels.stream().map(scope::label).filter(label -> label != null).map(label -> label - start).toList();
    }

    // ---- lifetimes -----------------------------------------------------------------------------------------------------

    /** Straight pieces of code are looked at as a whole: {@code first[b]} to {@code first[b + 1]} − 1. */
    private void findLifetimes() {
        int count = steps.size();
        var leaders = new BitSet();
        leaders.set(0);
        for (int i = 0; i < count; i++) {
            var step = steps.get(i);
            step.targets().forEach(leaders::set);
            if (!step.fallsThrough() || !step.targets().isEmpty()) {
                leaders.set(i + 1);
            }
        }
        int[] first = leaders.stream().filter(i -> i < count).toArray();
        var liveIn = new BitSet[first.length];
        Arrays.setAll(liveIn, _ -> new BitSet());
        boolean changed = true;
        while (changed) {
            changed = false;
            for (int b = first.length - 1; b >= 0; b--) {
                var live = liveOut(b, first, liveIn);
                for (int i = end(b, first) - 1; i >= first[b]; i--) {
                    live.andNot(steps.get(i).writes());
                    live.or(steps.get(i).reads());
                }
                changed |= !live.equals(liveIn[b]);
                liveIn[b] = live;
            }
        }
        for (int b = 0; b < first.length; b++) {
            int from = first[b], last = end(b, first) - 1;
            liveIn[b].stream().forEach(r -> registers.get(r).at(from));
            liveOut(b, first, liveIn).stream().forEach(r -> registers.get(r).at(last));
            for (int i = from; i <= last; i++) {
                int here = i;
                steps.get(i).reads().stream().forEach(r -> registers.get(r).at(here));
                steps.get(i).writes().stream().forEach(r -> registers.get(r).at(here));
            }
        }
    }

    private int end(int piece, int[] first) {
        return piece + 1 < first.length ? first[piece + 1] : steps.size();
    }

    private BitSet liveOut(int piece, int[] first, BitSet[] liveIn) {
        var live = new BitSet();
        var last = steps.get(end(piece, first) - 1);
        if (last.fallsThrough() && piece + 1 < first.length) {
            live.or(liveIn[piece + 1]);
        }
        for (int target : last.targets()) {
            if (target < steps.size()) {
                live.or(liveIn[Arrays.binarySearch(first, target)]);
            }
        }
        return live;
    }

    // ---- places --------------------------------------------------------------------------------------------------------

    /** A place, and the last instruction at which it is taken. */
    private record Taken(int position, int to) {}

    /** A place is free again after the instruction that last needs it, so that no instruction reads what it overwrites. */
    private void place(ProgramBuilder program) {
        var taken = new HashMap<RegisterFile, PriorityQueue<Taken>>();
        registers.stream().sorted(Comparator.comparingInt(live -> live.from)).forEach(live -> {
            var places = taken.computeIfAbsent(live.file(),
                    _ -> new PriorityQueue<>(Comparator.comparingInt(Taken::to)));
            boolean free = !places.isEmpty() && places.peek().to() < live.from;
            int position = free ? places.poll().position() : program.place(live.file());
            places.add(new Taken(position, live.to));
            live.scope.place(live.name, position);
        });
    }
}
