package nighttrain.executor.device.cuda.kernel;

import com.sun.jna.Library;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;

/** NVIDIA's run-time compiler; functions as in nvrtc.h. */
public interface Nvrtc extends Library {
    int nvrtcVersion(IntByReference major, IntByReference minor);

    int nvrtcCreateProgram(
            PointerByReference program,
            String source,
            String name,
            int headers,
            String[] sources,
            String[] includeNames);

    int nvrtcCompileProgram(Pointer program, int options, String[] option);

    int nvrtcGetProgramLogSize(Pointer program, LongByReference size);

    int nvrtcGetProgramLog(Pointer program, byte[] log);

    int nvrtcGetCUBINSize(Pointer program, LongByReference size);

    int nvrtcGetCUBIN(Pointer program, byte[] cubin);

    int nvrtcDestroyProgram(PointerByReference program);
}
