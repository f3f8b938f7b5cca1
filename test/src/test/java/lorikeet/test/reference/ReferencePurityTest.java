package lorikeet.test.reference;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.syntax.ArchRuleDefinition;
import org.junit.jupiter.api.Test;

/** A reference that shared code with the engine would share its mistakes. */
class ReferencePurityTest {
    @Test
    void usesNothingOfWhatItChecks() {
        ArchRuleDefinition.noClasses().should().dependOnClassesThat().resideInAnyPackage("lorikeet.kernels..",
                "lorikeet.engine..", "lorikeet.model..", "lorikeet.peft..")
                .check(new ClassFileImporter().importPackages("lorikeet.test.reference"));
    }
}
