package lorikeet.test;

import static com.tngtech.archunit.base.DescribedPredicate.alwaysTrue;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.ObjectInputStream;
import java.lang.foreign.Arena;
import java.lang.ref.Cleaner;
import java.lang.ref.PhantomReference;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Which door may be crossed in which direction, and what may not happen anywhere. */
class ArchitectureTest {
    /** From the ground up: each uses only those before it. The module this test is in stands beside the last. */
    private static final List<String> MODULES = List.of("kernels", "engine", "model", "peft", "bench");

    private static final JavaClasses ALL = new ClassFileImporter()
            .importPaths(MODULES.stream().map(ArchitectureTest::compiled).filter(Files::exists).toList());

    private static Path compiled(String module) {
        return Path.of("..", module, "target", "classes");
    }

    /** Rules about nothing pass, so first: every module that was built has classes here, in its own packages. */
    @ParameterizedTest
    @MethodSource("modules")
    void everyModuleIsSeen(String module) {
        assumeThat(compiled(module)).exists();
        assertThat(ALL.that(resideInAPackage("lorikeet." + module + ".."))).isNotEmpty();
        assertThat(new ClassFileImporter().importPath(compiled(module)))
                .allMatch(type -> (type.getPackageName() + ".").startsWith("lorikeet." + module + "."));
    }

    static List<String> modules() {
        return MODULES;
    }

    @ParameterizedTest
    @MethodSource("modules")
    void aModuleUsesOnlyThoseBelowIt(String module) {
        var below = MODULES.subList(0, MODULES.indexOf(module) + 1).stream()
                .map(name -> "lorikeet." + name + "..")
                .toArray(String[]::new);
        noClasses().that().resideInAPackage("lorikeet." + module + "..")
                .should().dependOnClassesThat(resideInAPackage("lorikeet..").and(not(resideInAnyPackage(below))))
                .allowEmptyShould(module.equals("bench"))
                .check(ALL);
    }

    /** Save through the registry of devices, which names those that the packages under it implement. */
    @Test
    void packagesHaveNoCycles() {
        slices().matching("lorikeet.(**)").should().beFreeOfCycles()
                .ignoreDependency(name("lorikeet.kernels.Devices"), alwaysTrue()).check(ALL);
    }

    @Test
    void librariesOfADeviceStayInItsPackage() {
        noClasses().that().resideOutsideOfPackage("lorikeet.kernels.cuda..")
                .should().dependOnClassesThat().resideInAPackage("jcuda..").check(ALL);
        noClasses().that().resideOutsideOfPackage("lorikeet.kernels.cpu..")
                .should().dependOnClassesThat().resideInAPackage("org.bytedeco..").check(ALL);
    }

    @Test
    void theCommandLineStaysInPeft() {
        noClasses().that().resideOutsideOfPackages("lorikeet.peft..", "lorikeet.bench..")
                .should().dependOnClassesThat().resideInAnyPackage("picocli..", "me.tongfei..").check(ALL);
    }

    @Test
    void memoryIsFreedByScopesNotByTheCollector() {
        noMethods().should().haveName("finalize").check(ALL);
        noClasses().should().dependOnClassesThat().belongToAnyOf(Cleaner.class, PhantomReference.class)
                .orShould().callMethod(Arena.class, "ofAuto")
                .orShould().callMethod(System.class, "gc")
                .orShould().callMethod(Runtime.class, "gc").check(ALL);
    }

    /** What is in a file stays data: no class is chosen, loaded or run by it. */
    @Test
    void nothingIsDeserialisedIntoCode() {
        noClasses().should().dependOnClassesThat().belongToAnyOf(ObjectInputStream.class, URLClassLoader.class)
                .orShould().dependOnClassesThat().resideInAnyPackage("java.beans..", "javax.script..", "java.rmi..",
                        "javax.naming..", "com.fasterxml.jackson.databind.jsontype..")
                .orShould().dependOnClassesThat()
                .haveFullyQualifiedName("com.fasterxml.jackson.annotation.JsonTypeInfo")
                .orShould().callMethodWhere(target(nameMatching("\\w*DefaultTyping\\w*")))
                .check(ALL);
    }

    @Test
    void nothingReachesBehindTheLanguage() {
        noClasses().should().dependOnClassesThat().haveFullyQualifiedName("sun.misc.Unsafe")
                .orShould().dependOnClassesThat().resideInAnyPackage("jdk.internal..")
                .orShould().dependOnClassesThat().belongToAnyOf(ServiceLoader.class).check(ALL);
    }
}
