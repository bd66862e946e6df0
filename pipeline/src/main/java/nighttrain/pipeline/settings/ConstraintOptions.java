package nighttrain.pipeline.settings;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.io.constraint.Constraint;
import nighttrain.io.constraint.Constraints;
import nighttrain.pipeline.row.OpenAiBatch;

/** Makes the constraint on a job's outputs from the settings. */
final class ConstraintOptions {
    private ConstraintOptions() {}

    /**
     * Returns the constraint, checked as far as possible without the model; empty where none is set.
     *
     * @throws UserError if it is malformed, cannot be satisfied, or contradicts other settings
     */
    static Optional<Constraint> of(SettingValues values) {
        List<Setting<?>> given = Stream.<Setting<?>>of(
                        Settings.CHOICES, Settings.CHOICES_FILE, Settings.REGEX, Settings.JSON_SCHEMA)
                .filter(values::isSet)
                .toList();
        if (given.size() > 1) {
            throw UserError.of(
                    "more than one constraint",
                    String.join(", ", given.stream().map(Setting::option).toList()),
                    "one is allowed; leave the others out");
        }
        String after = values.find(Settings.CONSTRAIN_AFTER).orElse("");
        if (given.isEmpty()) {
            String none = "there is no constraint; give --json-schema, --regex or --choices";
            refuse(values, Settings.CONSTRAIN_AFTER, none);
            boolean linesMayHaveOne = values.get(Settings.FORMAT).equalsIgnoreCase(OpenAiBatch.FORMAT);
            if (values.get(Settings.LOGPROBS_BEFORE_CONSTRAINT) && !linesMayHaveOne) {
                refuse(values, Settings.LOGPROBS_BEFORE_CONSTRAINT, none);
            }
            return Optional.empty();
        }
        if (values.get(Settings.IGNORE_EOS)) {
            refuse(values, Settings.IGNORE_EOS, "a constrained output ends where the constraint does; leave it out");
        }
        refuse(values, Settings.STOP, "it could cut a constrained output short; leave it out");
        Constraint constraint = constraint(values, after);
        Constraints.check(constraint);
        return Optional.of(constraint);
    }

    private static void refuse(SettingValues values, Setting<?> setting, String why) {
        if (values.isSet(setting)) {
            throw UserError.of(
                    setting.option() + " does not go with the constraint",
                    values.find(setting).orElseThrow(),
                    why);
        }
    }

    private static Constraint constraint(SettingValues values, String after) {
        if (values.isSet(Settings.REGEX)) {
            return new Constraint.Regex(values.get(Settings.REGEX), after);
        }
        if (values.isSet(Settings.JSON_SCHEMA)) {
            String schema = values.get(Settings.JSON_SCHEMA);
            return new Constraint.JsonSchema(
                    schema.stripLeading().startsWith("{") ? schema : SettingValues.read(schema, Settings.JSON_SCHEMA),
                    after);
        }
        return new Constraint.Choices(
                values.isSet(Settings.CHOICES)
                        ? values.get(Settings.CHOICES)
                        : SettingValues.read(values.get(Settings.CHOICES_FILE), Settings.CHOICES_FILE)
                                .lines()
                                .toList(),
                after);
    }
}
