package nighttrain.pipeline;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
    private final JavaClasses classes = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> location.contains("/nighttrain/") && !location.contains("/testing/"))
            .importPackages("nighttrain");

    @Test
    void packagesHaveNoCycles() {
        slices().matching("nighttrain.pipeline.(*)..").should().beFreeOfCycles().check(classes);
    }

    @Test
    void partsDoNotKnowTheWhole() {
        noClasses()
                .that()
                .resideInAPackage("nighttrain.pipeline.*..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("nighttrain.pipeline")
                .check(classes);
    }

    @Test
    void theEngineIsUsedByItsPublicFaceAlone() {
        noClasses()
                .that()
                .resideInAPackage("nighttrain.pipeline..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "nighttrain.executor.run..",
                        "nighttrain.executor.schedule..",
                        "nighttrain.executor.cache..",
                        "nighttrain.executor.step..",
                        "nighttrain.executor.model..",
                        "nighttrain.executor.architecture..",
                        "nighttrain.executor.device..",
                        "nighttrain.jobs..",
                        "jcuda..",
                        "com.sun.jna..")
                .check(classes);
    }

    @Test
    void nothingToTheRightKnowsThePipelineOrSpark() {
        noClasses()
                .that()
                .resideInAnyPackage("nighttrain.io..", "nighttrain.executor..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("nighttrain.pipeline..", "org.apache.spark..")
                .check(classes);
    }
}
