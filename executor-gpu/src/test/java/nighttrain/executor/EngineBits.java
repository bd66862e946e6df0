package nighttrain.executor;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;

/**
 * Prints what an engine on the CPU generates, with the bits of its log-probabilities. It is a program, so that tests can run it in each
 * bytecode mode. Arguments: a model's folder, the most tokens of an output, and a file with the token ids of a prompt on each line, or {@code golden}.
 */
final class EngineBits {
    private EngineBits() {}

    public static void main(String[] args) throws Exception {
        for (String line : bits(Path.of(args[0]), Integer.parseInt(args[1]), prompts(args[2], Path.of(args[0])))) {
            System.out.println(line);
        }
    }

    private static List<int[]> prompts(String source, Path model) throws Exception {
        if (source.equals("golden")) {
            return Goldens.of(model.getFileName().toString()).stream()
                    .map(golden -> Arrays.copyOf(golden.ids(), Math.min(golden.ids().length, 5)))
                    .toList();
        }
        return Files.readAllLines(Path.of(source)).stream()
                .map(line -> Arrays.stream(line.split(" "))
                        .mapToInt(Integer::parseInt)
                        .toArray())
                .toList();
    }

    private static List<String> bits(Path model, int maxTokens, List<int[]> prompts) throws InterruptedException {
        EngineConfig config = EngineConfig.on(Backend.CPU)
                .with(new Layout(1, 1))
                .with(new StepConfig(8, 256, 0))
                .withThreads(2);
        List<Generation> answers = new ArrayList<>();
        try (Checkpoint checkpoint = Checkpoints.open(model);
                Engine engine = Engines.open(config, checkpoint);
                Engine.Session session = engine.session()) {
            for (int next = 0; answers.size() < prompts.size(); ) {
                while (next < prompts.size() && session.offer(request(next, prompts.get(next), maxTokens))) {
                    next++;
                }
                session.poll(Duration.ofMillis(100)).ifPresent(answers::add);
            }
        }
        answers.sort(Comparator.comparingLong(Generation::id));
        return answers.stream()
                .map(answer -> answer.id() + " " + Arrays.toString(answer.tokens()) + " " + answer.logprobs() + " "
                        + answer.promptLogprobs().hashCode())
                .toList();
    }

    /** Returns a request: greedy and sampled alternate, and every fourth prompt is also scored. */
    private static GenerationRequest request(int id, int[] prompt, int maxTokens) {
        SamplingParams sampling = SamplingParams.greedy(maxTokens)
                .withTemperature(id % 2)
                .withLogprobs(2)
                .withPromptLogprobs(id % 4 == 3);
        return new GenerationRequest(id, prompt, sampling, id, new TreeSet<>(Set.of(0)), StopCheck.NEVER);
    }
}
