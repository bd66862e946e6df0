package nighttrain.io.template;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import nighttrain.io.template.Values.Attributes;
import nighttrain.io.template.Values.Builtin;
import nighttrain.io.template.Values.Function;
import nighttrain.io.template.Values.Undefined;

/** The variable {@code loop}. It reads ahead only when asked to, since the next item may depend on the loop's body. */
final class Loop implements Attributes, Function {
    private final Function recursion;
    private final long depth0;
    private Iterator<Object> items;
    private long index0 = -1;
    private int length;
    private Object before = Scope.MISSING;
    private Object current = Scope.MISSING;
    private Object after = Scope.MISSING;
    private Object lastChanged = Scope.MISSING;

    /**
     * Creates a loop before its first item.
     *
     * @param length number of {@code items}, or -1 where it is unknown
     * @param recursion renders the loop for inner items, or null
     */
    Loop(int length, Iterator<Object> items, Function recursion, long depth0) {
        this.length = length;
        this.items = items;
        this.recursion = recursion;
        this.depth0 = depth0;
    }

    boolean hasNext() {
        return after != Scope.MISSING || items.hasNext();
    }

    Object next() {
        Object item = after != Scope.MISSING ? after : items.next();
        after = Scope.MISSING;
        index0++;
        before = current;
        current = item;
        return item;
    }

    private Object peek() {
        if (after == Scope.MISSING && items.hasNext()) {
            after = items.next();
        }
        return after;
    }

    @Override
    public String name() {
        return "LoopContext " + attribute("index") + "/" + length();
    }

    @Override
    public int length() {
        if (length < 0) {
            List<Object> rest = new ArrayList<>();
            while (items.hasNext()) {
                RenderBudget.checkEntries(rest.size() + 1L);
                rest.add(items.next());
            }
            items = rest.iterator();
            length = rest.size() + (int) index0 + 1 + (after == Scope.MISSING ? 0 : 1);
        }
        return length;
    }

    @Override
    public Object attribute(String name) {
        return switch (name) {
            case "index" -> index0 + 1;
            case "index0" -> index0;
            case "revindex" -> length() - index0;
            case "revindex0" -> length() - index0 - 1;
            case "first" -> index0 == 0;
            case "last" -> peek() == Scope.MISSING;
            case "length" -> (long) length();
            case "depth" -> depth0 + 1;
            case "depth0" -> depth0;
            case "previtem" -> index0 == 0 ? new Undefined("there is no previous item") : before;
            case "nextitem" -> peek() == Scope.MISSING ? new Undefined("there is no next item") : after;
            case "cycle" -> new Builtin("cycle", this::cycle);
            case "changed" -> new Builtin("changed", this::changed);
            default -> Scope.MISSING;
        };
    }

    private Object cycle(Arguments arguments) {
        List<Object> of = arguments.positional();
        if (of.isEmpty() || !arguments.named().isEmpty()) {
            throw new TemplateError("no items for cycling given");
        }
        return of.get((int) (index0 % of.size()));
    }

    private Object changed(Arguments arguments) {
        Object now = new Values.Tuple(arguments.positional());
        boolean changed = lastChanged == Scope.MISSING || !Comparisons.equal(lastChanged, now);
        lastChanged = now;
        return changed;
    }

    @Override
    public Object call(Arguments arguments) {
        if (recursion == null) {
            throw new TemplateError("The loop must have the 'recursive' marker to be called recursively.");
        }
        Object inner = arguments.bind("loop", 1, "iterable")[0];
        return recursion.call(new Arguments(Arrays.asList(inner, depth0 + 1), Map.of()));
    }
}
