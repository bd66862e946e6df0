package nighttrain.pipeline.settings;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.io.text.Truncation;
import nighttrain.pipeline.label.LabelOptions;
import nighttrain.pipeline.label.Labels;

/**
 * Where a row's prompt comes from: at most one of column, conversation and template. Without any, the prompt is the column {@code prompt},
 * or else the column {@code messages}.
 *
 * @param column text column
 * @param messagesColumn conversation column
 * @param template text with {@code {column}} in it
 * @param system message put before every prompt
 * @param chat the chat template that conversations are rendered with
 * @param truncate how prompts longer than the context are cut
 */
public record PromptOptions(
        Optional<String> column,
        Optional<String> messagesColumn,
        Optional<String> template,
        Optional<String> system,
        ChatTemplateOptions chat,
        Truncation truncate) {
    /** Whether a source of prompts or a system message is set. */
    public boolean isGiven() {
        return Stream.of(column, messagesColumn, template, system).anyMatch(Optional::isPresent);
    }

    static PromptOptions of(SettingValues values, Optional<LabelOptions> labels) {
        List<String> given = Stream.of(
                        Settings.PROMPT_COLUMN, Settings.MESSAGES_COLUMN, Settings.PROMPT_TEXT, Settings.PROMPT_FILE)
                .filter(values::isSet)
                .map(Setting::option)
                .toList();
        if (given.size() > 1) {
            throw UserError.of(
                    "more than one source of prompts",
                    String.join(", ", given),
                    "one is allowed; leave the others out");
        }
        return new PromptOptions(
                values.find(Settings.PROMPT_COLUMN),
                values.find(Settings.MESSAGES_COLUMN),
                values.find(Settings.PROMPT_TEXT)
                        .or(() -> values.find(Settings.PROMPT_FILE)
                                .map(file -> SettingValues.read(file, Settings.PROMPT_FILE)))
                        .map(text -> labels.map(asked ->
                                        Labels.marked(text, asked.questions().each()))
                                .orElse(text)),
                values.find(Settings.SYSTEM),
                ChatTemplateOptions.of(values),
                values.get(Settings.TRUNCATE));
    }
}
