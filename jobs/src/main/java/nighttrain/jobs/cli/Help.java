package nighttrain.jobs.cli;

import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Help.Ansi.IStyle;
import picocli.CommandLine.Help.Ansi.Text;
import picocli.CommandLine.Help.ColorScheme;
import picocli.CommandLine.Help.IParamLabelRenderer;
import picocli.CommandLine.Help.Layout;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

/** Formats help and parses arguments exactly as typed, without any expansion. */
public final class Help {
    private static final int WIDTH = 110;
    private static final int LONGEST_OPTION = 32;

    private Help() {}

    /** {@code -h}, {@code --help}. */
    public static OptionSpec option() {
        return OptionSpec.builder("-h", "--help")
                .usageHelp(true)
                .description("show this help")
                .build();
    }

    /**
     * Sets how help is formatted and how arguments are parsed.
     *
     * @param columns width of the terminal; 0 where there is none
     */
    public static CommandLine style(CommandLine commands, int columns) {
        return commands.setUsageHelpWidth(columns >= 60 && columns < WIDTH ? columns : WIDTH)
                .setUsageHelpLongOptionsMaxWidth(LONGEST_OPTION)
                .setExpandAtFiles(false) // a prompt may begin with @
                .setInterpolateVariables(false) // a prompt may hold ${...}
                .setHelpFactory(Spaced::new);
    }

    /** Gives a command its options; its help shows them under these headings, in this order. */
    public static void addOptions(CommandSpec command, Map<String, List<OptionSpec>> byHeading) {
        byHeading.values().forEach(options -> options.forEach(command::addOption));
        command.usageMessage().sectionMap().put(UsageMessageSpec.SECTION_KEY_OPTION_LIST, help -> {
            StringBuilder text = new StringBuilder();
            byHeading.forEach((heading, options) -> {
                Layout layout = help.createDefaultLayout(command.options(), List.of(), help.colorScheme());
                layout.addAllOptions(options, help.parameterLabelRenderer());
                text.append(String.format("%n%s%n%s", heading, layout));
            });
            return text.toString();
        });
    }

    /** Shows {@code --option VALUE} where picocli shows {@code --option=VALUE}; the parser accepts both. */
    private static final class Spaced extends CommandLine.Help {
        Spaced(CommandSpec command, ColorScheme colors) {
            super(command, colors);
        }

        @Override
        public IParamLabelRenderer parameterLabelRenderer() {
            return new IParamLabelRenderer() {
                @Override
                public Text renderParameterLabel(ArgSpec argument, Ansi ansi, List<IStyle> styles) {
                    boolean isSwitch = argument.arity().min() == 0;
                    return ansi.text(isSwitch ? "" : " " + argument.paramLabel());
                }

                @Override
                public String separator() {
                    return " ";
                }
            };
        }
    }
}
