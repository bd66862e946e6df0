package nighttrain.io.template;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.el.JinjavaProcessors;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.interpret.TemplateError.ErrorType;
import com.hubspot.jinjava.tree.Node;
import java.util.List;
import java.util.Map;

/**
 * A template's structure with the engine's state beside it. Used by one thread at a time: the engine writes to that state
 * while it renders. Making one costs milliseconds, rendering it microseconds.
 */
final class CompiledTemplate {
    private final Jinjava jinjava;
    private final Context base;
    private final Node root;

    private CompiledTemplate(Jinjava jinjava, Context base, Node root) {
        this.jinjava = jinjava;
        this.base = base;
        this.root = root;
    }

    static CompiledTemplate of(Jinjava jinjava, String template) {
        Context base = jinjava.getGlobalContextCopy();
        Interpreter interpreter = new Interpreter(jinjava, base, Map.of());
        try {
            Node root = interpreter.parse(template);
            failOnFatal(interpreter.getErrorsCopy());
            return new CompiledTemplate(jinjava, base, root);
        } catch (StackOverflowError e) {
            throw tooDeep(e);
        }
    }

    /** What the engine is to call before every node. */
    static JinjavaProcessors countingSteps() {
        return JinjavaProcessors.newBuilder()
                .withNodePreProcessor((node, interpreter) -> ((Interpreter) interpreter).budget.step())
                .build();
    }

    /**
     * Renders with these variables.
     *
     * @throws ChatTemplateException where the template fails, refuses or uses too much
     */
    String render(Map<String, Object> variables) {
        Interpreter interpreter = new Interpreter(jinjava, base, variables);
        JinjavaInterpreter.pushCurrent(interpreter);
        try {
            String text = interpreter.render(root);
            failOnFatal(interpreter.getErrorsCopy());
            return text;
        } catch (ChatTemplateException e) {
            throw e;
        } catch (RuntimeException e) {
            throw TemplateFailure.of(e.getMessage(), interpreter.getLineNumber(), e);
        } catch (RenderBudget.Exceeded e) {
            throw TemplateFailure.of(e);
        } catch (StackOverflowError e) {
            throw tooDeep(e);
        } finally {
            JinjavaInterpreter.popCurrent();
            base.reset();
        }
    }

    // Warnings are about unknown properties, which Jinja takes for undefined without a word.
    private static void failOnFatal(List<TemplateError> errors) {
        for (TemplateError error : errors) {
            if (error.getSeverity() == ErrorType.FATAL) {
                throw TemplateFailure.of(error.getMessage(), error.getLineno(), error.getException());
            }
        }
    }

    private static ChatTemplateException tooDeep(StackOverflowError e) {
        return new ChatTemplateException("chat template is nested too deep: out of stack (mend the template)", e);
    }

    /** An interpreter with what one rendering may use. */
    private static final class Interpreter extends JinjavaInterpreter {
        private final RenderBudget budget = new RenderBudget();

        Interpreter(Jinjava jinjava, Context base, Map<String, Object> variables) {
            super(
                    jinjava,
                    new Context(base, variables, jinjava.getGlobalConfig().getDisabled()),
                    jinjava.getGlobalConfig());
        }
    }
}
