package nighttrain.executor.device.cuda.driver;

import java.util.ArrayList;
import java.util.List;
import jcuda.CudaException;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.Device.GraphRecorder;
import nighttrain.executor.device.cuda.driver.Streams.Stream;

/** Captures CUDA graphs from the streams. */
public final class CudaGraphRecorder implements GraphRecorder, AutoCloseable {
    /** Allows other threads to allocate during a capture. */
    private static final int RELAXED = 2;

    private final Streams streams;
    private final List<CUgraphExec> graphs = new ArrayList<>();

    public CudaGraphRecorder(Streams streams) {
        this.streams = streams;
    }

    @Override
    public CapturedGraph record(Runnable work) {
        Stream stream = streams.main();
        CUgraph graph = new CUgraph();
        JCudaDriver.cuStreamBeginCapture(stream, RELAXED);
        try {
            work.run();
        } catch (RuntimeException | Error e) {
            abandon(stream);
            throw e;
        }
        JCudaDriver.cuStreamEndCapture(streams.main(), graph);
        CUgraphExec executable = new CUgraphExec();
        JCudaDriver.cuGraphInstantiate(executable, graph, 0);
        JCudaDriver.cuGraphDestroy(graph);
        graphs.add(executable);
        return () -> JCudaDriver.cuGraphLaunch(executable, streams.main());
    }

    /** Ends a failed capture. A second exception would hide the cause. */
    private static void abandon(Stream stream) {
        try {
            JCudaDriver.cuStreamEndCapture(stream, new CUgraph());
        } catch (CudaException e) {
            // The cause is thrown by the caller.
        }
    }

    @Override
    public void close() {
        graphs.forEach(JCudaDriver::cuGraphExecDestroy);
    }
}
