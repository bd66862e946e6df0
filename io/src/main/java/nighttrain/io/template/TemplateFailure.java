package nighttrain.io.template;

/** Words for what went wrong in a template. */
final class TemplateFailure {
    private TemplateFailure() {}

    /** What the template itself says where it refused, else what the engine says. */
    static ChatTemplateException of(String message, int line, Throwable thrown) {
        for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
            if (cause instanceof RenderBudget.Exceeded exceeded) {
                return of(exceeded);
            }
            if (cause instanceof TemplateFunctions.Refusal) {
                return new ChatTemplateException(
                        "chat template refuses the messages: " + oneLine(cause.getMessage())
                                + " (the model's own rule; change the messages)",
                        cause);
            }
        }
        return new ChatTemplateException(
                "chat template failed: " + oneLine(message) + " (line " + line + "; mend the template or the messages)",
                thrown);
    }

    static ChatTemplateException of(RenderBudget.Exceeded exceeded) {
        return new ChatTemplateException(exceeded.getMessage() + " (mend the template)", exceeded);
    }

    private static String oneLine(String message) {
        return String.valueOf(message).lines().findFirst().orElse("");
    }
}
