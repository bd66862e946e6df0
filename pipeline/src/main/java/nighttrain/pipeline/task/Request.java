package nighttrain.pipeline.task;

import java.util.Optional;
import nighttrain.executor.request.GenerationRequest;

/**
 * A row on its way through the engine.
 *
 * @param row the row
 * @param stop present where the job has stop strings
 * @param generation what the engine was asked
 */
record Request(PromptRow row, Optional<StopStringMatcher> stop, GenerationRequest generation) {}
