package nighttrain.jobs;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Help.Ansi.IStyle;
import picocli.CommandLine.Help.Ansi.Text;
import picocli.CommandLine.Help.ColorScheme;
import picocli.CommandLine.Help.IParamLabelRenderer;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** How help looks, and how arguments are taken: as they are typed, without expansion of any kind. */
final class Help {
    private static final int WIDTH = 110;
    private static final int LONGEST_OPTION = 32;

    private Help() {}

    /** {@code -h}, {@code --help}. */
    static OptionSpec option() {
        return OptionSpec.builder("-h", "--help")
                .usageHelp(true)
                .description("show this help")
                .build();
    }

    /** @param columns of the terminal; 0 where there is none */
    static CommandLine style(CommandLine commands, int columns) {
        return commands.setUsageHelpWidth(columns >= 60 && columns < WIDTH ? columns : WIDTH)
                .setUsageHelpLongOptionsMaxWidth(LONGEST_OPTION)
                .setExpandAtFiles(false) // a prompt may begin with @
                .setInterpolateVariables(false) // and hold ${...}
                .setHelpFactory(Spaced::new);
    }

    /** Shows {@code --option VALUE} where picocli shows {@code --option=VALUE}; both are understood. */
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
                    return ansi.text(isSwitch ? argument.paramLabel() : " " + argument.paramLabel());
                }

                @Override
                public String separator() {
                    return " ";
                }
            };
        }
    }
}
