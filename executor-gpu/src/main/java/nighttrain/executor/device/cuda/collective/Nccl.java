package nighttrain.executor.device.cuda.collective;

import com.sun.jna.Library;
import com.sun.jna.Pointer;

/** NVIDIA's collectives; functions and constants as in nccl.h of NCCL 2. */
public interface Nccl extends Library {
    int FP32 = 7;
    int BF16 = 9;
    int SUM = 0;

    int ncclCommInitAll(Pointer[] communicators, int devices, int[] ordinals);

    int ncclCommAbort(Pointer communicator);

    int ncclAllReduce(
            Pointer send, Pointer receive, long count, int type, int operation, Pointer communicator, Pointer stream);

    int ncclSend(Pointer send, long count, int type, int peer, Pointer communicator, Pointer stream);

    int ncclRecv(Pointer receive, long count, int type, int peer, Pointer communicator, Pointer stream);

    int ncclGroupStart();

    int ncclGroupEnd();

    String ncclGetErrorString(int status);

    String ncclGetLastError(Pointer communicator);
}
