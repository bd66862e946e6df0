package nighttrain.io.template;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import nighttrain.io.template.Values.Namespace;

/** What is assigned to. */
sealed interface Target {
    void assign(Scope scope, Object value);

    record ToName(String name, Variable variable) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            variable.set(scope, value);
        }
    }

    /** An attribute of a namespace. */
    record ToAttribute(String name, String attribute, Variable variable) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            if (!(variable.get(scope) instanceof Namespace namespace)) {
                throw new TemplateError("cannot assign attribute on non-namespace object");
            }
            Dict.put(namespace.attributes(), attribute, value);
        }
    }

    record ToTuple(List<Target> targets) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            List<Object> values = new ArrayList<>();
            Iterator<Object> items = Python.iterator(value);
            while (items.hasNext() && values.size() <= targets.size()) {
                values.add(items.next());
            }
            if (values.size() != targets.size()) {
                throw new TemplateError(
                        values.size() > targets.size()
                                ? "too many values to unpack (expected " + targets.size() + ")"
                                : "not enough values to unpack (expected " + targets.size() + ", got " + values.size()
                                        + ")");
            }
            for (int i = 0; i < targets.size(); i++) {
                targets.get(i).assign(scope, values.get(i));
            }
        }
    }
}
