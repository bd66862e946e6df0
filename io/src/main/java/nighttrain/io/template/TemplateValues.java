package nighttrain.io.template;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.exptest.ExpTest;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.objects.SafeString;
import com.hubspot.jinjava.util.ForLoop;
import java.beans.FeatureDescriptor;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;
import jinjava.javax.el.MethodNotFoundException;
import jinjava.javax.el.PropertyNotWritableException;

/**
 * What a template can reach: entries of maps and lists, characters of strings, the loop variable, and Python's methods on
 * these. It takes the place of the engine's own resolver, which would call any public Java method.
 */
final class TemplateValues extends ELResolver {
    @Override
    public Object getValue(ELContext context, Object base, Object property) {
        if (base == null) {
            return null;
        }
        context.setPropertyResolved(true);
        String name = String.valueOf(property);
        if (base instanceof Map<?, ?> map) {
            return map.get(name);
        }
        if (base instanceof List<?> list) {
            return element(list, name);
        }
        if (base instanceof String || base instanceof SafeString) {
            return character(base.toString(), name);
        }
        return base instanceof ForLoop loop ? loopValue(loop, name) : null;
    }

    private static Object element(List<?> list, String name) {
        int index = index(name, list.size());
        return index < 0 ? null : list.get(index);
    }

    private static Object character(String text, String name) {
        int length = text.codePointCount(0, text.length());
        int index = index(name, length);
        return index < 0 ? null : Character.toString(text.codePointAt(text.offsetByCodePoints(0, index)));
    }

    /** Python's index, negative from the end; -1 where it is none. */
    private static int index(String name, int size) {
        if (!name.matches("-?\\d{1,9}")) {
            return -1;
        }
        int index = Integer.parseInt(name);
        int fromStart = index < 0 ? index + size : index;
        return fromStart < size ? Math.max(fromStart, -1) : -1;
    }

    private static Object loopValue(ForLoop loop, String name) {
        return switch (name) {
            case "index" -> loop.getIndex();
            case "index0" -> loop.getIndex0();
            case "revindex" -> loop.getRevindex();
            case "revindex0" -> loop.getRevindex0();
            case "first" -> loop.isFirst();
            case "last" -> loop.isLast();
            case "length" -> loop.getLength();
            case "depth" -> loop.getDepth();
            case "depth0" -> loop.getDepth0();
            default -> null;
        };
    }

    @Override
    public Object invoke(ELContext context, Object base, Object method, Class<?>[] types, Object[] arguments) {
        context.setPropertyResolved(true);
        if (base instanceof Filter filter && method.equals("filter")) {
            return filter(filter, arguments);
        }
        if (base instanceof ExpTest test && method.equals("evaluate")) {
            return test.evaluate(arguments[0], interpreter(arguments), rest(arguments));
        }
        if (base instanceof ExpTest test && method.equals("evaluateNegated")) {
            return test.evaluateNegated(arguments[0], interpreter(arguments), rest(arguments));
        }
        PythonArguments python = PythonArguments.of(arguments);
        if (base instanceof String || base instanceof SafeString) {
            return PythonStrings.call(base.toString(), method.toString(), python);
        }
        if (base instanceof Map<?, ?> map) {
            return mapMethod(map, method.toString(), python);
        }
        if (base instanceof ForLoop loop && method.equals("cycle") && arguments.length > 0) {
            return loop.cycle(arguments);
        }
        throw new MethodNotFoundException("no method " + method + " of this value in a chat template");
    }

    @SuppressWarnings("unchecked") // As the engine's resolver hands filters their arguments: positional, then named.
    private static Object filter(Filter filter, Object[] arguments) {
        return filter.filter(
                arguments[0], interpreter(arguments), (Object[]) arguments[2], (Map<String, Object>) arguments[3]);
    }

    private static JinjavaInterpreter interpreter(Object[] arguments) {
        return (JinjavaInterpreter) arguments[1];
    }

    private static Object[] rest(Object[] arguments) {
        return Arrays.copyOfRange(arguments, 2, arguments.length);
    }

    private static Object mapMethod(Map<?, ?> map, String method, PythonArguments arguments) {
        return switch (method) {
            case "items" -> map.entrySet();
            case "keys" -> map.keySet();
            case "values" -> map.values();
            case "get" -> map.containsKey(arguments.text(0)) ? map.get(arguments.text(0)) : arguments.valueOr(1, null);
            default -> throw new MethodNotFoundException("no method " + method + " of a map in a chat template");
        };
    }

    @Override
    public void setValue(ELContext context, Object base, Object property, Object value) {
        throw new PropertyNotWritableException("a chat template cannot write to " + property);
    }

    @Override
    public boolean isReadOnly(ELContext context, Object base, Object property) {
        return true;
    }

    @Override
    public Class<?> getType(ELContext context, Object base, Object property) {
        return Object.class;
    }

    @Override
    public Class<?> getCommonPropertyType(ELContext context, Object base) {
        return Object.class;
    }

    @Override
    public Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, Object base) {
        return Collections.emptyIterator();
    }
}
