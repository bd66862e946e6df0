package nighttrain.jobs.compare;

import nighttrain.jobs.cli.Figures;
import nighttrain.jobs.cli.ProgressBar;

/** A line for every finished round, whose time may be minutes; what goes on meanwhile where a terminal redraws. */
final class CompareProgress implements CompareListener {
    private final ProgressBar bar;

    CompareProgress(ProgressBar bar) {
        this.bar = bar;
    }

    @Override
    public void phase(String what) {
        bar.phase(what);
    }

    @Override
    public void measured(FinishedRound round, int done, int total) {
        bar.line(String.format(
                "%d of %d  %s: %s output tokens/s",
                done, total, round.cell(), Figures.rate(round.figures().get(CompareResult.THROUGHPUT))));
    }

    @Override
    public void failed(String what, String why) {
        bar.line("left out  " + what + ": " + why);
    }
}
