package nighttrain.pipeline.settings;

/** Settings that belong together, in the order in which help shows them. */
public enum SettingGroup {
    MODEL("Model"),
    INPUT("Input"),
    PROMPT("Prompt"),
    SAMPLING("Sampling"),
    OUTPUT("Output"),
    TIME("Time"),
    ENGINE("Engine"),
    /** Of {@code bench} alone. */
    WORKLOAD("Workload"),
    /** Of {@code plan} alone. */
    PLAN("Plan");

    private final String title;

    SettingGroup(String title) {
        this.title = title;
    }

    /** As a heading. */
    public String title() {
        return title;
    }
}
