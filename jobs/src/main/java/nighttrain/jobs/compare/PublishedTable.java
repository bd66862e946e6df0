package nighttrain.jobs.compare;

import java.util.List;
import java.util.Map;

/**
 * Figures that others measured on their machine.
 *
 * @param name by which comparisons ask for it
 * @param title what was measured
 * @param source where it was published
 * @param machine where it was measured
 * @param note what a reader must know before setting ours beside it
 * @param figure which of our figures it is held against
 * @param rows the figures
 */
public record PublishedTable(
        String name, String title, String source, String machine, String note, String figure, List<Row> rows) {
    public PublishedTable {
        rows = List.copyOf(rows);
    }

    /**
     * Figures of one load.
     *
     * @param system that measured them: an inference engine
     * @param load our name of the load; empty where the figure is over many
     * @param values by our names of contenders
     */
    public record Row(String system, String load, Map<String, Double> values) {}
}
