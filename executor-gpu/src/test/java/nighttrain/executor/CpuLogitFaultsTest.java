package nighttrain.executor;

class CpuLogitFaultsTest extends AbstractLogitFaultsTest {
    CpuLogitFaultsTest() {
        super(Backend.CPU);
    }
}
