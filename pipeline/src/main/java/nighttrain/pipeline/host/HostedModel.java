package nighttrain.pipeline.host;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.io.template.ChatTemplate;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.settings.ChatTemplateOptions;

/** A model at work in this process: its engine, and what turns text into tokens and back. */
public final class HostedModel implements AutoCloseable {
    private final EngineKey key;
    private final Tokenizer tokenizer;
    private final Engine engine;
    private final Set<FairSession> sessions = ConcurrentHashMap.newKeySet();
    private final Map<ChatTemplateOptions, ChatTemplate> chatTemplates = new ConcurrentHashMap<>();

    private HostedModel(EngineKey key, Tokenizer tokenizer, Engine engine) {
        this.key = key;
        this.tokenizer = tokenizer;
        this.engine = engine;
    }

    /** {@code gpus}: those that are ours; none: all that this process sees. */
    static HostedModel open(EngineKey key, List<Integer> gpus, EngineFactory engines) {
        EngineConfig config = key.config().with(key.config().gpu().on(gpus));
        Path dir = Path.of(key.model());
        Tokenizer tokenizer = Tokenizer.open(dir);
        try {
            return new HostedModel(key, tokenizer, engines.open(config, dir, key.dummyWeights()));
        } catch (RuntimeException | Error failed) {
            tokenizer.close();
            throw failed;
        }
    }

    EngineKey key() {
        return key;
    }

    public Engine engine() {
        return engine;
    }

    /** A submitter of its own for each task; where the engine has no room for all, they share it evenly. */
    public Engine.Session session() {
        return FairSession.among(sessions, engine.session());
    }

    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** Opened when first needed: a model without one can still complete plain prompts. */
    public ChatTemplate chatTemplate(ChatTemplateOptions options) {
        return chatTemplates.computeIfAbsent(options, asked -> asked.open(Path.of(key.model())));
    }

    @Override
    public void close() {
        try (tokenizer) {
            engine.close();
        }
    }
}
