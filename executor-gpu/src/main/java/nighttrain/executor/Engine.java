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
    /** Returns the settings that the engine runs with. */
    EnginePlan plan();

    /** Opens a session; each task of an executor opens one. */
    Session session();

    /** Counters of each replica at this moment; replica r has the r-th part of {@link #devices}. */
    List<EngineStats> replicaStats();

    /** Counters of all replicas together. */
    default EngineStats stats() {
        return replicaStats().stream().reduce(EngineStats::plus).orElseThrow();
    }

    /** Returns a reading of each of the engine's GPUs at this moment; none on CPUs, or if the driver's NVML is missing. Takes milliseconds. */
    default List<DeviceReading> devices() {
        return List.of();
    }

    /** Ends all running sequences and frees every device. */
    @Override
    void close();

    /** One submitter's requests and their answers. Used by one thread. */
    interface Session extends AutoCloseable {
        /**
         * Hands a request over. Returns {@code false} if the engine's queue is full: the caller then takes an answer and offers the request again.
         */
        boolean offer(GenerationRequest request);

        /**
         * Returns the next answer in order of completion. Waits at most this long; {@link Duration#ZERO} does not wait.
         *
         * @throws EngineException when the engine has failed
         */
        Optional<Generation> poll(Duration atMost) throws InterruptedException;

        /** Requests taken and not yet answered by {@link #poll}. */
        int inFlight();

        /** Cancels all requests in flight. */
        @Override
        void close();
    }

    /** The engine itself failed, not one request: nothing in flight will be answered, and it must be opened again. */
    final class EngineException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public EngineException(String message, Throwable cause) {
            super(message, cause);
        }

        /** Returns whether only another process can open the engine again after this failure of an engine, or of opening one. */
        public static boolean needsNewProcess(Throwable failure) {
            return Causes.first(failure, DeviceLostException.class).isPresent();
        }
    }
}
