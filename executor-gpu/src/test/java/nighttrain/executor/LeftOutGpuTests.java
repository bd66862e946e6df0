package nighttrain.executor;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClasspathRoots;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Set;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.io.UserError;
import org.junit.platform.engine.TestTag;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Says after a run of this module's tests how many were left out for want of a GPU: the rest passing is not all passing. */
public final class LeftOutGpuTests implements TestExecutionListener {
    private static final String TAG = "gpu";

    @Override
    public void testPlanExecutionFinished(TestPlan plan) {
        boolean someWereChosen = System.getProperty("test") != null || System.getProperty("groups") != null;
        if (someWereChosen || count(plan, TAG) > 0) {
            return;
        }
        int leftOut = count(discovered(), TAG);
        if (leftOut > 0) {
            System.out.println("Left out: " + leftOut + " tests that need a GPU; " + why());
        }
    }

    private static TestPlan discovered() {
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors(selectClasspathRoots(Set.of(testClasses())))
                .filters(TagFilter.includeTags(TAG))
                .build();
        return LauncherFactory.create().discover(request);
    }

    private static Path testClasses() {
        try {
            return Path.of(LeftOutGpuTests.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Test methods with a tag; one with parameters counts once, since only a run knows how often it is called. */
    private static int count(TestPlan plan, String tag) {
        return (int) plan.getRoots().stream()
                .flatMap(root -> plan.getDescendants(root).stream())
                .filter(LeftOutGpuTests::isMethod)
                .filter(test -> test.getTags().contains(TestTag.create(tag)))
                .count();
    }

    private static boolean isMethod(TestIdentifier test) {
        return test.getSource().filter(MethodSource.class::isInstance).isPresent();
    }

    private static String why() {
        try {
            CudaDevices.require();
            return "there is one here: mvn verify -Pgpu runs them";
        } catch (UserError e) {
            return e.getMessage();
        }
    }
}
