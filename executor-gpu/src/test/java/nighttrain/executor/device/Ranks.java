package nighttrain.executor.device;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import nighttrain.executor.device.Communicator.PeerFailedException;

/** Drives devices as a replica does: each rank has a thread, and a rank that fails closes its device. */
public final class Ranks {
    private Ranks() {}

    /** Returns the results of {@code work} on every rank. If ranks fail, throws the original failure rather than its consequences on other ranks. */
    public static <T> List<T> onAll(List<Device> devices, Function<Device, T> work) {
        List<CompletableFuture<T>> results = start(devices, work);
        RuntimeException failure = null;
        for (CompletableFuture<T> result : results) {
            try {
                result.join();
            } catch (CompletionException e) {
                boolean isEcho = e.getCause() instanceof PeerFailedException;
                failure =
                        failure == null || (failure.getCause() instanceof PeerFailedException && !isEcho) ? e : failure;
            }
        }
        if (failure != null) {
            throw failure;
        }
        return results.stream().map(CompletableFuture::join).toList();
    }

    static <T> List<CompletableFuture<T>> start(List<Device> devices, Function<Device, T> work) {
        return devices.stream()
                .map(device -> CompletableFuture.supplyAsync(() -> run(device, work), Ranks::onThread))
                .toList();
    }

    private static void onThread(Runnable task) {
        Thread thread = new Thread(task, "test-rank");
        thread.setDaemon(true);
        thread.start();
    }

    private static <T> T run(Device device, Function<Device, T> work) {
        try {
            return work.apply(device);
        } catch (RuntimeException | Error e) {
            device.close();
            throw e;
        }
    }
}
