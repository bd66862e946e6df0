package nighttrain.jobs;

public final class Main {
    private Main() {}

    public static void main(String[] args) throws Exception {
        Terminal t = Terminal.system();
        t.out().println("out " + jdk.incubator.vector.FloatVector.SPECIES_PREFERRED);
        t.messages().println("msg cols=" + t.columns());
        System.err.println("stderr");
    }
}
