package nighttrain.executor;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import org.junit.jupiter.api.Test;

/** Checks the package dependencies of this module: a package uses only packages below it in the module's README. */
class ArchitectureRulesTest {
    /** Imported by location: importing by package name would search every jar. */
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .importUrl(Engine.class.getProtectionDomain().getCodeSource().getLocation());

    @Test
    void arrowsGoDown() {
        layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .layer("root")
                .definedBy("nighttrain.executor")
                .layer("perf")
                .definedBy("nighttrain.executor.perf")
                .layer("run")
                .definedBy("nighttrain.executor.run")
                .layer("schedule")
                .definedBy("nighttrain.executor.schedule")
                .layer("cache")
                .definedBy("nighttrain.executor.cache")
                .layer("model")
                .definedBy("nighttrain.executor.model")
                .layer("block")
                .definedBy("nighttrain.executor.block")
                .layer("architecture")
                .definedBy("nighttrain.executor.architecture")
                .layer("step")
                .definedBy("nighttrain.executor.step")
                .layer("device")
                .definedBy("nighttrain.executor.device")
                .layer("device.cpu")
                .definedBy("nighttrain.executor.device.cpu")
                .layer("device.cuda")
                .definedBy("nighttrain.executor.device.cuda..")
                .whereLayer("root")
                .mayNotBeAccessedByAnyLayer()
                .whereLayer("perf")
                .mayOnlyBeAccessedByLayers("root")
                .whereLayer("run")
                .mayOnlyBeAccessedByLayers("root")
                .whereLayer("schedule")
                .mayOnlyBeAccessedByLayers("root", "perf", "run")
                .whereLayer("cache")
                .mayOnlyBeAccessedByLayers("root", "perf", "run", "schedule", "model", "block", "device.cuda")
                .whereLayer("model")
                .mayOnlyBeAccessedByLayers("root", "run")
                .whereLayer("block")
                .mayOnlyBeAccessedByLayers("root", "perf", "model")
                .whereLayer("architecture")
                .mayOnlyBeAccessedByLayers("root", "perf", "model", "block")
                .whereLayer("device.cpu")
                .mayOnlyBeAccessedByLayers("root")
                .whereLayer("device.cuda")
                .mayOnlyBeAccessedByLayers("root")
                .check(CLASSES);
    }

    @Test
    void roomsOfTheGpuBackend() {
        layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .layer("cuda")
                .definedBy("nighttrain.executor.device.cuda")
                .layer("step")
                .definedBy("nighttrain.executor.device.cuda.step")
                .layer("matmul")
                .definedBy("nighttrain.executor.device.cuda.matmul")
                .layer("collective")
                .definedBy("nighttrain.executor.device.cuda.collective")
                .layer("tensor")
                .definedBy("nighttrain.executor.device.cuda.tensor")
                .layer("kernel")
                .definedBy("nighttrain.executor.device.cuda.kernel")
                .layer("driver")
                .definedBy("nighttrain.executor.device.cuda.driver")
                .whereLayer("cuda")
                .mayNotBeAccessedByAnyLayer()
                .whereLayer("step")
                .mayOnlyBeAccessedByLayers("cuda")
                .whereLayer("matmul")
                .mayOnlyBeAccessedByLayers("cuda")
                .whereLayer("collective")
                .mayOnlyBeAccessedByLayers("cuda")
                .whereLayer("tensor")
                .mayOnlyBeAccessedByLayers("cuda", "step", "matmul", "collective")
                .whereLayer("kernel")
                .mayOnlyBeAccessedByLayers("cuda", "step", "matmul", "collective")
                .check(CLASSES);
    }

    @Test
    void packagesAreFreeOfCycles() {
        slices().matching("nighttrain.executor.(**)").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void noTextNoRowsNoSpark() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.apache.spark..",
                        "org.apache.hadoop..",
                        "org.apache.arrow..",
                        "nighttrain.io.text..",
                        "nighttrain.io.rows..",
                        "nighttrain.io.table..",
                        "nighttrain.io.journal..",
                        "nighttrain.pipeline..",
                        "nighttrain.jobs..")
                .check(CLASSES);
    }

    @Test
    void nativeBindingsStayInTheirRoom() {
        noClasses()
                .that()
                .resideOutsideOfPackage("nighttrain.executor.device.cuda..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("jcuda..", "com.sun.jna..")
                .check(CLASSES);
    }
}
