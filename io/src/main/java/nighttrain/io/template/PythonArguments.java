package nighttrain.io.template;

import com.hubspot.jinjava.el.ext.NamedParameter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Arguments of a method call in a template; named ones count by their place. */
record PythonArguments(List<Object> values) {
    PythonArguments {
        values = Collections.unmodifiableList(new ArrayList<>(values));
    }

    static PythonArguments of(Object[] arguments) {
        List<Object> values = new ArrayList<>();
        for (Object argument : arguments == null ? new Object[0] : arguments) {
            values.add(argument instanceof NamedParameter named ? named.getValue() : argument);
        }
        return new PythonArguments(values);
    }

    boolean has(int place) {
        return place < values.size() && values.get(place) != null;
    }

    Object valueOr(int place, Object absent) {
        return has(place) ? values.get(place) : absent;
    }

    String text(int place) {
        if (!has(place)) {
            throw new IllegalStateException("argument " + (place + 1) + " is missing");
        }
        return values.get(place).toString();
    }

    /** Python's optional count, where -1 (and nothing) means all. */
    int countOrAll(int place) {
        int count = has(place) ? ((Number) values.get(place)).intValue() : -1;
        return count < 0 ? Integer.MAX_VALUE : count;
    }
}
