package nighttrain.io.template;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.Context.Library;
import com.hubspot.jinjava.lib.Importable;
import com.hubspot.jinjava.loader.ResourceNotFoundException;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Jinja as Hugging Face renders chat templates with it, of sources that {@link TemplateDialect} prepared. Templates are
 * foreign code, so only the tags, filters and functions below exist, values are plain data ({@link TemplateValues}), nothing
 * is read from anywhere, and size, steps and time are bounded.
 */
final class TemplateEngine {
    /** Characters of one rendering, and of any string in it. */
    static final int MAX_CHARS = 16 << 20;

    /** Entries of any list or map. */
    static final int MAX_ENTRIES = 20_000;

    private static final int MAX_MACRO_DEPTH = 32;

    private static final Set<String> TAGS =
            Set.of("if", "elif", "else", "for", "break", "continue", "set", "macro", "call", "raw", "generation");
    private static final Set<String> FILTERS = Set.of(
            "abs",
            "bool",
            "capitalize",
            "count",
            "d",
            "default",
            "dictsort",
            "e",
            "escape",
            "first",
            "float",
            "indent",
            "int",
            "items",
            "join",
            "last",
            "length",
            "list",
            "lower",
            "map",
            "reject",
            "rejectattr",
            "replace",
            "reverse",
            "round",
            "safe",
            "select",
            "selectattr",
            "sort",
            "string",
            "sum",
            "title",
            "tojson",
            "trim",
            "unique",
            "upper");
    // Functions have a namespace before the colon, which is empty for all that Jinja knows.
    private static final Set<String> FUNCTIONS = Set.of(":range", ":namespace", ":raise_exception", ":strftime_now");

    private final Jinjava jinjava;

    TemplateEngine() {
        jinjava = new Jinjava(config(allBut(new Jinjava().getGlobalContext())));
        jinjava.setResourceLocator((name, encoding, interpreter) -> {
            throw new ResourceNotFoundException("a chat template cannot read " + name);
        });
        jinjava.registerTag(new GenerationTag());
        TemplateFilters.all().forEach(jinjava::registerFilter);
        TemplateFunctions.all().forEach(jinjava::registerFunction);
    }

    /**
     * Reads a template's structure, which one thread at a time can then render any number of times.
     *
     * @throws ChatTemplateException where it is not a template
     */
    CompiledTemplate compile(String template) {
        return CompiledTemplate.of(jinjava, template);
    }

    private static JinjavaConfig config(Map<Library, Set<String>> disabled) {
        return JinjavaConfig.newBuilder()
                .withKeepTrailingNewline(true)
                .withLegacyOverrides(asJinja2())
                // Message texts are data: braces in them must not be evaluated.
                .withNestedInterpretationEnabled(false)
                .withElResolver(new TemplateValues())
                .withDisabled(disabled)
                .withEnableRecursiveMacroCalls(true)
                .withMaxMacroRecursionDepth(MAX_MACRO_DEPTH)
                .withMaxRenderDepth(MAX_MACRO_DEPTH)
                .withMaxOutputSize(MAX_CHARS)
                .withMaxStringLength(MAX_CHARS)
                .withMaxListSize(MAX_ENTRIES)
                .withMaxMapSize(MAX_ENTRIES)
                .withRangeLimit(MAX_ENTRIES)
                .withProcessors(CompiledTemplate.countingSteps())
                .build();
    }

    private static LegacyOverrides asJinja2() {
        return LegacyOverrides.newBuilder()
                .withEvaluateMapKeys(true)
                .withIterateOverMapKeys(true)
                .withUsePyishObjectMapper(true)
                .withUseSnakeCasePropertyNaming(false)
                .withWhitespaceRequiredWithinTokens(false)
                .withUseNaturalOperatorPrecedence(true)
                .withParseWhitespaceControlStrictly(true)
                .withAllowAdjacentTextNodes(true)
                .withUseTrimmingForNotesAndExpressions(true)
                .build();
    }

    /** Everything that the library offers and the lists above do not name. */
    private static Map<Library, Set<String>> allBut(Context global) {
        return Map.of(
                Library.TAG, without(global.getAllTags(), TAGS),
                Library.FILTER, without(global.getAllFilters(), FILTERS),
                Library.FUNCTION, without(global.getAllFunctions(), FUNCTIONS));
    }

    private static Set<String> without(Collection<? extends Importable> all, Set<String> allowed) {
        return all.stream()
                .map(Importable::getName)
                .filter(name -> !allowed.contains(name) && !allowed.contains(name.replaceFirst("^end", "")))
                .collect(Collectors.toUnmodifiableSet());
    }
}
