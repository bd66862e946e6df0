package nighttrain.executor;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.device.Device.DeviceLostException;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.EngineStats.DeviceReading;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.io.Causes;

/** Token ids in, token ids out: one model on all devices of this process, shared by any number of submitters. */
public interface Engine extends AutoCloseable {
    /** What the engine settled on. */
    EnginePlan plan();

    /** A submitter of its own; each task of an executor opens one. */
    Session session();

    /** Counters of each replica at this moment; replica r has the r-th part of {@link #devices}. */
    List<EngineStats> replicaStats();

    /** Counters of all replicas together. */
    default EngineStats stats() {
        return replicaStats().stream().reduce(EngineStats::plus).orElseThrow();
    }

    /** What the engine's GPUs say of themselves at this moment; none on CPUs, or where the driver's NVML is missing. Takes milliseconds. */
    default List<DeviceReading> devices() {
        return List.of();
    }

    /** Ends what runs, frees every device. */
    @Override
    void close();

    /** One submitter's requests and their answers. Used by one thread. */
    interface Session extends AutoCloseable {
        /**
         * Hands a request over unless the engine has all it can use: {@code false} then, and it is to be offered again after
         * an answer was taken.
         */
        boolean offer(GenerationRequest request);

        /**
         * The next answer, in order of completion, waiting at most this long; {@link Duration#ZERO} does not wait.
         *
         * @throws EngineException when the engine has failed
         */
        Optional<Generation> poll(Duration atMost) throws InterruptedException;

        /** Requests taken and not yet answered by {@link #poll}. */
        int inFlight();

        /** Cancels what is in flight. */
        @Override
        void close();
    }

    /** The engine itself failed, not one request: nothing in flight will be answered, and it must be opened again. */
    final class EngineException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public EngineException(String message, Throwable cause) {
            super(message, cause);
        }

        /** Whether a failure of an engine, or of opening one, is such that only another process can open it again. */
        public static boolean needsNewProcess(Throwable failure) {
            return Causes.first(failure, DeviceLostException.class).isPresent();
        }
    }
}
