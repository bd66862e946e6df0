package nighttrain.jobs;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import nighttrain.executor.Engine;
import nighttrain.executor.Engine.EngineException;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.device.Device.DeviceLostException;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.host.EngineFactory.RealEngines;

/**
 * The real engine, with prompts that end its process or lose its device.
 *
 * @param poison token sequence that makes a prompt deadly; {@link #AT_ONCE}: opening the engine is deadly
 * @param death what a deadly prompt does
 */
@SuppressWarnings("ArrayRecordComponent") // only this record compares it, by its elements
record DeadlyEngines(int[] poison, Death death) implements EngineFactory {
    private static final long serialVersionUID = 1L;

    /** How the process fails. */
    enum Death {
        /** The process ends, as after a fault in a native library. */
        HALT,
        /** The process continues, but CUDA's driver refuses further work, as after an illegal access by a kernel. */
        LOSE_DEVICE
    }

    static final int[] AT_ONCE = {};

    /** Whether the device is lost: as with CUDA's driver, for the whole process. */
    private static volatile boolean deviceLost;

    @Override
    public Engine open(EngineConfig config, Path model, boolean dummy) {
        if (poison.length == 0) {
            die();
        }
        refuseLost();
        return new Deadly(new RealEngines().open(config, model, dummy));
    }

    private static void refuseLost() {
        if (deviceLost) {
            throw new EngineException(
                    "the engine has failed",
                    new DeviceLostException("a kernel failed: CUDA_ERROR_ILLEGAL_ADDRESS", null));
        }
    }

    private void die() {
        switch (death) {
            case HALT -> Runtime.getRuntime().halt(139);
            case LOSE_DEVICE -> deviceLost = true;
        }
    }

    private final class Deadly extends ForwardingEngine {
        Deadly(Engine engine) {
            super(engine);
        }

        @Override
        boolean offer(Session session, GenerationRequest request) {
            if (isPoison(request.promptTokens())) {
                die();
            }
            refuseLost();
            return super.offer(session, request);
        }

        @Override
        Optional<Generation> poll(Session session, Duration atMost) throws InterruptedException {
            refuseLost();
            return super.poll(session, atMost);
        }
    }

    private boolean isPoison(int[] prompt) {
        for (int at = 0; at + poison.length <= prompt.length; at++) {
            if (Arrays.equals(prompt, at, at + poison.length, poison, 0, poison.length)) {
                return true;
            }
        }
        return false;
    }
}
