package nighttrain.pipeline.read;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SegmentTest {
    @Test
    void rowsCountOnWhereAFileGoesOnInAnotherPart() {
        List<Segment> segments = Segment.inOrder(List.of(
                new Segment.Found("part-0", "a", "a", 0, 10),
                new Segment.Found("part-1", "a", "a", 0, 5),
                new Segment.Found("part-1", "b", "b", 5, 7)));
        assertThat(segments).extracting(Segment::rowShift).containsExactly(0L, 10L, -5L);
        assertThat(segments).extracting(Segment::positionShift).containsExactly(0L, 10L, 10L);
        assertThat(segments).extracting(Segment::fileStart).containsExactly(0L, 0L, 15L);
    }
}
