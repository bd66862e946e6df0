package nighttrain.executor.device.cpu;

import nighttrain.executor.device.PeerFailedException;

/**
 * Where the threads of all ranks wait for one another. Once broken it stays so: a rank that fails must not leave the others
 * waiting for it.
 */
final class RankBarrier {
    private static final int SPINS = 2_000;

    private final int parties;
    private int arrived;
    private volatile long generation;
    private volatile boolean broken;

    RankBarrier(int parties) {
        this.parties = parties;
    }

    /** Waits until every rank is here. */
    void meet() {
        long mine;
        synchronized (this) {
            mine = generation;
            if (++arrived == parties) {
                arrived = 0;
                generation++;
                notifyAll();
                return;
            }
        }
        for (int spins = 0; spins < SPINS && generation == mine && !broken; spins++) {
            Thread.onSpinWait();
        }
        waitFor(mine);
    }

    private synchronized void waitFor(long mine) {
        boolean interrupted = false;
        while (generation == mine && !broken) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (generation == mine) {
            throw new PeerFailedException();
        }
    }

    synchronized void breakForGood() {
        broken = true;
        notifyAll();
    }
}
