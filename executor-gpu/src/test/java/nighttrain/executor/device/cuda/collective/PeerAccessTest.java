package nighttrain.executor.device.cuda.collective;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.jna.NativeLibrary;
import nighttrain.io.UserError;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIf;

public class PeerAccessTest {
    @Test
    @DisabledIf(value = "hasNccl", disabledReason = "NCCL is here")
    void gpusThatCannotMeetAreToldWhatIsMissing() {
        assertThatThrownBy(() -> PeerAccess.load("0 and 1"))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "GPUs cannot read each other's memory: 0 and 1 (no peer access, and NCCL is not there either; install"
                                + " NCCL 2 where the loader finds libnccl.so.2, or use --ranks 1 with more --replicas)")
                .cause()
                .hasMessageStartingWith("CUDA library not found: libnccl (tried libnccl.so.13, ");
    }

    @Test
    void ncclSumsOfMoreThanTwoRanksAreNotDeterministic() {
        PeerAccess.refuseUnorderedSums(2);
        assertThatThrownBy(() -> PeerAccess.refuseUnorderedSums(4))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "--deterministic cannot hold on ranks that all-reduce by NCCL: 4 (at most 2, since these GPUs cannot read each"
                                + " other's memory; use fewer --ranks, or leave it out)");
    }

    static boolean hasNccl() {
        try {
            NativeLibrary.getInstance("nccl");
            return true;
        } catch (UnsatisfiedLinkError e) {
            return false;
        }
    }
}
