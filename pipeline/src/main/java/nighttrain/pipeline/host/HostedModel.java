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

    /** Opens a model. {@code gpus}: the GPUs of this executor; empty: all that this process sees. */
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

    /** Opens a session for one task. If the engine has no room for the rows of all sessions, they share it evenly. */
    public Engine.Session session() {
        return FairSession.among(sessions, automata, engine.session());
    }

    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** Returns a chat template, opened when first needed: a model without a template can still complete plain prompts. */
    public ChatTemplate chatTemplate(ChatTemplateOptions options) {
        return chatTemplates.computeIfAbsent(options, asked -> asked.open(Path.of(key.model())));
    }

    /**
     * Returns the automaton of the tokens that a constraint allows; rows with the same constraint share one object.
     *
     * @throws nighttrain.io.UserError if the constraint cannot be satisfied, is not supported, or is too large
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
     * A task's session with an engine that may have no room for the rows of all tasks. A session offers nothing while it has more rows in
     * flight than another session that the engine refused recently. Otherwise a late task would get almost no room: earlier tasks learn of
     * free room at once, from their own answers.
     */
    static final class FairSession implements Engine.Session {
        /**
         * How long a refusal counts as recent. A task with rows offers again much sooner; a task that does not offer has no rows or is
         * busy.
         */
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

        /**
         * Opens a fair session. {@code all}: a concurrent set of the engine's open sessions; {@code automata}: the room that they share.
         */
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
