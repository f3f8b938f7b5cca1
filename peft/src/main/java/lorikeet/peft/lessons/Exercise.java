package lorikeet.peft.lessons;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** What a student writes for one lesson, and how it is checked. */
public sealed interface Exercise
        permits MemoryExercise, LastLayersExercise, SoftPromptExercise, LoraExercise, AdapterExercise,
        ComparisonExercise, SubspaceExercise, AutogradExercise, BarrierExercise {

    /** In the order of the lessons; lesson n is entry n − 1. */
    List<Exercise> ALL = List.of(new MemoryExercise(), new LastLayersExercise(), new SoftPromptExercise(),
            new LoraExercise(), new AdapterExercise(), new ComparisonExercise(), new SubspaceExercise(),
            new AutogradExercise(), new BarrierExercise());

    /** What it is about. */
    String title();

    /** What the skeleton is called. */
    default String file() {
        return name() + ".java";
    }

    /** Such as Lesson4: the class that a student's file has. */
    default String name() {
        return "Lesson" + (ALL.indexOf(this) + 1);
    }

    /**
     * Checks a student's file.
     *
     * @return what was found to be right
     * @throws Mistake if something is wrong
     */
    String check(Path file) throws IOException;
}
