package nighttrain.io.template;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The arguments of a call.
 *
 * @param positional arguments by position
 * @param named arguments by name
 */
record Arguments(List<Object> positional, Map<String, Object> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());

    /**
     * Returns the arguments in the order of these parameters, as Python binds them; {@link Scope#MISSING} where none is given.
     *
     * @param required number of parameters without a default
     */
    Object[] bind(String function, int required, String... parameters) {
        if (positional.size() > parameters.length) {
            throw new TemplateError(function + "() takes at most " + parameters.length + " arguments ("
                    + positional.size() + " given)");
        }
        Object[] bound = positional.toArray(new Object[parameters.length]);
        Arrays.fill(bound, positional.size(), bound.length, Scope.MISSING);
        named.forEach((name, value) -> {
            int index = Arrays.asList(parameters).indexOf(name);
            if (index < 0 || name.isEmpty()) {
                throw new TemplateError(function + "() got an unexpected keyword argument '" + name + "'");
            }
            if (bound[index] != Scope.MISSING) {
                throw new TemplateError(function + "() got multiple values for argument '" + name + "'");
            }
            bound[index] = value;
        });
        for (int i = 0; i < required; i++) {
            if (bound[i] == Scope.MISSING) {
                throw new TemplateError(
                        function + "() missing 1 required positional argument: '" + parameters[i] + "'");
            }
        }
        return bound;
    }

    /** Like {@link #bind}, for a function that takes arguments by position only. */
    Object[] positions(String function, int least, int most) {
        if (!named.isEmpty()) {
            throw new TemplateError(function + "() takes no keyword arguments");
        }
        if (positional.size() < least || positional.size() > most) {
            throw new TemplateError(function + "() takes " + (least == most ? "" : "from " + least + " to ") + most
                    + " arguments (" + positional.size() + " given)");
        }
        Object[] bound = positional.toArray(new Object[most]);
        Arrays.fill(bound, positional.size(), most, Scope.MISSING);
        return bound;
    }

    /** Returns the arguments without the first positional one. */
    Arguments rest() {
        return new Arguments(positional.subList(1, positional.size()), named);
    }
}
