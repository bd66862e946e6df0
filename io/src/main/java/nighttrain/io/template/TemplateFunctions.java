package nighttrain.io.template;

import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.objects.date.StrftimeFormatter;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.List;

/** Functions that Hugging Face gives chat templates. Public, because the template engine calls them by reflection. */
public final class TemplateFunctions {
    private TemplateFunctions() {}

    static List<ELFunctionDefinition> all() {
        return List.of(
                new ELFunctionDefinition("", "raise_exception", TemplateFunctions.class, "raise", String.class),
                new ELFunctionDefinition("", "strftime_now", TemplateFunctions.class, "strftimeNow", String.class));
    }

    /** The template's way to refuse messages. */
    @SuppressWarnings("DoNotCallSuggester") // Templates call it.
    public static String raise(String message) {
        throw new Refusal(message);
    }

    /** The local date and time now, in a format of C's strftime. */
    public static String strftimeNow(String format) {
        return StrftimeFormatter.format(ZonedDateTime.now(ZoneId.systemDefault()), format);
    }

    /** {@code raise_exception} was called. */
    static final class Refusal extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Refusal(String message) {
            super(message);
        }
    }
}
