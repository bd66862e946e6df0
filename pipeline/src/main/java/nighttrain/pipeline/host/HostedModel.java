package nighttrain.pipeline.host;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.io.constraint.Constraint;
import nighttrain.io.constraint.Constraints;
import nighttrain.io.constraint.TokenAutomaton;
import nighttrain.io.template.ChatTemplate;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import nighttrain.pipeline.settings.ChatTemplateOptions;

/** A model in this process: its engine, its tokenizer and its chat templates. */
public final class HostedModel implements AutoCloseable {
    private final EngineKey key;
    private final Tokenizer tokenizer;
    private final Engine engine;
    private final Set<FairSession> sessions = ConcurrentHashMap.newKeySet();
    private final Map<ChatTemplateOptions, ChatTemplate> chatTemplates = new ConcurrentHashMap<>();

    private final AutomatonRoom automata = new AutomatonRoom(AutomatonRoom.BYTES);
    private Constraints constraints;

    private HostedModel(EngineKey key, Tokenizer tokenizer, Engine engine) {
        this.key = key;
        this.tokenizer = tokenizer;
        this.engine = engine;
    }

    /** {@code gpus}: those of this executor; none: all that this process sees. */
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

    /** A session for one task. Sessions share an engine that has no room for all of their rows evenly. */
    public Engine.Session session() {
        return FairSession.among(sessions, automata, engine.session());
    }

    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** Opened when first needed: a model without a template can still complete plain prompts. */
    public ChatTemplate chatTemplate(ChatTemplateOptions options) {
        return chatTemplates.computeIfAbsent(options, asked -> asked.open(Path.of(key.model())));
    }

    /**
     * Which tokens may come under a constraint: one object for all rows that share it.
     *
     * @throws nighttrain.io.UserError where it cannot be satisfied, is not supported, or is too large
     */
    public TokenAutomaton automaton(Constraint constraint) {
        Constraints compiled;
        synchronized (this) {
            if (constraints == null) {
                constraints = new Constraints(tokenizer.vocabulary());
            }
            compiled = constraints;
        }
        return compiled.compile(constraint);
    }

    @Override
    public void close() {
        try (tokenizer) {
            engine.close();
        }
    }

    /**
     * A task's session at an engine that may have no room for the rows of all tasks. A session with more rows in flight than another
     * that the engine refused lately offers nothing. Otherwise a late task would get almost no room: earlier tasks learn of free room
     * at once, from their own answers.
     */
    static final class FairSession implements Engine.Session {
        /** A task with rows offers again much sooner. A task that does not offer has no rows or is busy. */
        private static final long LATELY_NANOS = Duration.ofMillis(200).toNanos();

        private final Engine.Session session;
        private final Set<FairSession> all;
        private final AutomatonRoom automata;
        private final Map<Long, TokenAutomaton> constrained = new HashMap<>();
        private volatile int inFlight;
        private volatile boolean refused;
        private volatile long refusedNanos;

        private FairSession(Engine.Session session, Set<FairSession> all, AutomatonRoom automata) {
            this.session = session;
            this.all = all;
            this.automata = automata;
        }

        /** {@code all}: a concurrent set of the sessions that are open at the engine; {@code automata}: the room that they share. */
        static FairSession among(Set<FairSession> all, AutomatonRoom automata, Engine.Session session) {
            FairSession fair = new FairSession(session, all, automata);
            all.add(fair);
            return fair;
        }

        @Override
        public boolean offer(GenerationRequest request) {
            boolean taken = !othersAreStarved() && offerWithRoom(request);
            refusedNanos = System.nanoTime();
            refused = !taken;
            inFlight = session.inFlight();
            return taken;
        }

        private boolean offerWithRoom(GenerationRequest request) {
            if (request.constraint().isEmpty()) {
                return session.offer(request);
            }
            TokenAutomaton automaton = request.constraint().get().automaton();
            if (!automata.enter(automaton, session.inFlight() == 0)) {
                return false;
            }
            if (!session.offer(request)) {
                automata.leave(automaton);
                return false;
            }
            constrained.put(request.id(), automaton);
            return true;
        }

        private boolean othersAreStarved() {
            long now = System.nanoTime();
            return all.stream()
                    .anyMatch(other ->
                            other.inFlight < inFlight && other.refused && now - other.refusedNanos < LATELY_NANOS);
        }

        @Override
        public Optional<Generation> poll(Duration atMost) throws InterruptedException {
            Optional<Generation> answer = session.poll(atMost);
            answer.map(it -> constrained.remove(it.id())).ifPresent(automata::leave);
            inFlight = session.inFlight();
            return answer;
        }

        @Override
        public int inFlight() {
            return session.inFlight();
        }

        @Override
        public void close() {
            all.remove(this);
            session.close();
            constrained.values().forEach(automata::leave);
            constrained.clear();
        }
    }
}
