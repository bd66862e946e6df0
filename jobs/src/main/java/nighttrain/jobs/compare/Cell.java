package nighttrain.jobs.compare;

/**
 * What one figure of a comparison stands for.
 *
 * @param visit the engine
 * @param load name of what it was asked
 */
public record Cell(Visit visit, String load) {
    public String contender() {
        return visit.contender();
    }

    public Layout layout() {
        return visit.layout();
    }

    /** The same without sums over ranks. */
    Cell bound() {
        return new Cell(new Visit(visit.contender(), visit.layout(), true), load);
    }

    /** {@code track-d8 1x4, 1024/128}. */
    @Override
    public String toString() {
        return visit + ", " + load;
    }
}
