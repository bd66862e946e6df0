package nighttrain.io;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
    private static JavaClasses classes;

    @BeforeAll
    static void readClasses() {
        // Imports by code source, not by package: a search by package would scan every jar.
        classes = new ClassFileImporter()
                .importUrl(UserError.class.getProtectionDomain().getCodeSource().getLocation());
        assertThat(classes.contain(UserError.class)).isTrue();
        assertThat(classes.contain(ArchitectureTest.class)).isFalse();
    }

    @Test
    void packagesAreFreeOfCycles() {
        slices().matching("nighttrain.io.(*)..").should().beFreeOfCycles().check(classes);
        noClasses()
                .that()
                .resideInAPackage("nighttrain.io")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("nighttrain.io.*..")
                .check(classes);
    }

    @Test
    void noSparkNoDevicesNoOtherModules() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.apache.spark..",
                        "scala..",
                        "jcuda..",
                        "com.sun.jna..",
                        "nighttrain.executor..",
                        "nighttrain.pipeline..",
                        "nighttrain.jobs..")
                .check(classes);
    }

    @Test
    void eachLibraryIsKnownToOnePackage() {
        noClasses()
                .that()
                .resideOutsideOfPackage("nighttrain.io.text")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("ai.djl..")
                .check(classes);
        noClasses()
                .that()
                .resideOutsideOfPackage("nighttrain.io.constraint")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.apache.lucene..")
                .check(classes);
        noClasses()
                .that()
                .resideOutsideOfPackage("nighttrain.io.journal")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.apache.arrow..")
                .check(classes);
        noClasses()
                .that()
                .resideOutsideOfPackages("nighttrain.io.journal", "nighttrain.io.table")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.apache.hadoop..")
                .check(classes);
    }
}
