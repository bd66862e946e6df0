package nighttrain.io.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import nighttrain.io.template.Expression.Given;
import nighttrain.io.template.Lexer.Token;
import nighttrain.io.template.Scope.Frame;
import nighttrain.io.template.Scope.Variable;
import nighttrain.io.template.Statement.Definition;
import nighttrain.io.template.Statement.Parameter;
import nighttrain.io.template.Statement.Special;
import nighttrain.io.template.Statement.Target;

/** Parses tokens into statements: Jinja2's grammar, with the tags {@code break}, {@code continue} and {@code generation}. */
final class Parser {
    /** Most statements within statements. */
    private static final int MAX_STATEMENTS = 64;

    /** Most expressions within expressions; operators and conditions nest without brackets. */
    private static final int MAX_EXPRESSIONS = 1_000;

    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
    private static final Set<String> LITERALS =
            Set.of(Token.NAME, Token.STRING, Token.INTEGER, Token.FLOAT, "(", "[", "{");
    private static final Set<String> CONSTANTS = Set.of("true", "false", "none", "True", "False", "None");

    private final List<Token> tokens;
    private int at;
    private int statements;
    private int expressions;

    private Parser(List<Token> tokens) {
        this.tokens = tokens;
    }

    static List<Statement> statements(List<Token> tokens) {
        return new Parser(tokens).body(Set.of());
    }

    // Tokens

    private Token current() {
        return tokens.get(at);
    }

    private Token look() {
        return tokens.get(Math.min(at + 1, tokens.size() - 1));
    }

    private Token next() {
        Token token = tokens.get(at);
        at = Math.min(at + 1, tokens.size() - 1);
        return token;
    }

    private boolean skip(String type) {
        boolean found = current().is(type);
        if (found) {
            next();
        }
        return found;
    }

    private boolean skipName(String name) {
        boolean found = current().isName(name);
        if (found) {
            next();
        }
        return found;
    }

    private Token expect(String type) {
        if (!current().is(type)) {
            throw fail("expected token '" + type + "', got " + current().shown());
        }
        return next();
    }

    private TemplateError fail(String message) {
        return new TemplateError(message + " (line " + current().line() + ")");
    }

    // Statements

    /** Parses up to one of the tags {@code ends}, whose name is then the current token; without {@code ends}, up to the end. */
    private List<Statement> body(Set<String> ends) {
        List<Statement> body = new ArrayList<>();
        while (true) {
            Token token = next();
            if (token.is(Token.DATA)) {
                body.add(new Statement.Data((String) token.value()));
            } else if (token.is(Token.PRINT_BEGIN)) {
                body.add(new Statement.Print(tuple(true, Set.of(), false), token.line()));
                expect(Token.PRINT_END);
            } else if (token.is(Token.BLOCK_BEGIN)) {
                if (current().is(Token.NAME) && ends.contains(current().value())) {
                    return body;
                }
                statement(body);
                expect(Token.BLOCK_END);
            } else if (ends.isEmpty()) {
                return body;
            } else {
                throw fail("Unexpected end of template. Jinja was looking for the following tags: "
                        + String.join(" or ", ends.stream().sorted().toList()));
            }
        }
    }

    /** Parses the body of a tag up to one of these tags, whose name {@link #next} returns then. */
    private List<Statement> block(String... ends) {
        skip(":");
        expect(Token.BLOCK_END);
        return body(Set.of(ends));
    }

    private List<Statement> lastBlock(String end) {
        List<Statement> body = block(end);
        next();
        return body;
    }

    private void statement(List<Statement> into) {
        if (!current().is(Token.NAME)) {
            throw fail("tag name expected");
        }
        if (++statements > MAX_STATEMENTS) {
            throw new RenderBudget.Exceeded("chat template is too involved: " + statements
                    + " statements within statements (at most " + MAX_STATEMENTS + ")");
        }
        Token tag = next();
        switch ((String) tag.value()) {
            case "for" -> into.add(forLoop(tag.line()));
            case "if" -> into.add(condition(tag.line()));
            case "set" -> into.add(set(tag.line()));
            case "with" -> into.add(with(tag.line()));
            case "macro" -> into.add(macro(tag.line()));
            case "call" -> into.add(callBlock(tag.line()));
            case "filter" -> {
                Expression filter = filters(new Expression.Captured(), true);
                into.add(new Statement.FilterBlock(filter, lastBlock("endfilter"), new Frame(), tag.line()));
            }
            case "print" -> print(into, tag.line());
            case "break" -> into.add(new Statement.Break());
            case "continue" -> into.add(new Statement.Continue());
            case "generation" ->
                into.add(new Statement.Generation(new Definition(
                        null, List.of(), new Special(), lastBlock("endgeneration"), new Frame(), tag.line())));
            default -> {
                at--;
                throw fail("Encountered unknown tag '" + tag.value() + "'.");
            }
        }
        statements--;
    }

    private Statement forLoop(int line) {
        int begin = at;
        Target target = target(true, Set.of("in"), false);
        if (!skipName("in")) {
            throw fail("expected token 'in', got " + current().shown());
        }
        Expression iterable = tuple(false, Set.of("recursive"), false);
        Expression test = skipName("if") ? expression() : null;
        boolean recursive = skipName("recursive");
        // The test has a target variable of its own: the target is parsed a second time.
        Target testTarget = test == null ? null : again(begin);
        List<Statement> body = block("endfor", "else");
        List<Statement> otherwise = next().isName("else") ? lastBlock("endfor") : List.of();
        return new Statement.For(
                target,
                iterable,
                test,
                body,
                otherwise,
                new Variable(),
                recursive ? new Frame() : null,
                new Frame(),
                testTarget,
                new Frame(),
                new Frame(),
                line);
    }

    private Target again(int begin) {
        int here = at;
        at = begin;
        Target target = target(true, Set.of("in"), false);
        at = here;
        return target;
    }

    private Statement condition(int line) {
        Expression test = tuple(false, Set.of(), false);
        List<Statement> body = block("elif", "else", "endif");
        Token end = next();
        if (end.isName("elif")) {
            // A chain of elif does not count as nesting.
            return new Statement.If(test, body, List.of(condition(end.line())), line);
        }
        return new Statement.If(test, body, end.isName("else") ? lastBlock("endif") : List.of(), line);
    }

    private Statement set(int line) {
        Target target = target(true, Set.of(), true);
        if (skip("=")) {
            return new Statement.Set(target, tuple(true, Set.of(), false), line);
        }
        Expression filter = current().is("|") ? filters(new Expression.Captured(), false) : null;
        return new Statement.SetBlock(target, filter, lastBlock("endset"), new Frame(), line);
    }

    private Statement with(int line) {
        List<Target> targets = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!current().is(Token.BLOCK_END)) {
            if (!targets.isEmpty()) {
                expect(",");
            }
            targets.add(target(true, Set.of(), false));
            expect("=");
            values.add(expression());
        }
        return new Statement.With(targets, values, lastBlock("endwith"), new Frame(), line);
    }

    private Statement macro(int line) {
        String name = (String) expect(Token.NAME).value();
        checkName(name);
        List<Parameter> parameters = signature();
        Definition definition =
                new Definition(name, parameters, new Special(), lastBlock("endmacro"), new Frame(), line);
        return new Statement.MacroDefinition(new Target.ToName(name, new Variable()), definition);
    }

    private List<Parameter> signature() {
        List<Parameter> parameters = new ArrayList<>();
        boolean defaults = false;
        expect("(");
        while (!current().is(")")) {
            if (!parameters.isEmpty()) {
                expect(",");
            }
            String name = (String) expect(Token.NAME).value();
            checkName(name);
            Expression standard = skip("=") ? expression() : null;
            if (defaults && standard == null) {
                throw fail("non-default argument follows default argument");
            }
            if (parameters.stream().anyMatch(parameter -> parameter.name().equals(name))) {
                throw fail("duplicate argument '" + name + "'");
            }
            defaults |= standard != null;
            parameters.add(new Parameter(name, new Variable(), standard));
        }
        expect(")");
        return parameters;
    }

    private Statement callBlock(int line) {
        List<Parameter> parameters = current().is("(") ? signature() : List.of();
        Expression call = expression();
        if (!(call instanceof Expression.Call called)) {
            throw fail("expected call");
        }
        Definition caller = new Definition(null, parameters, new Special(), lastBlock("endcall"), new Frame(), line);
        return new Statement.CallBlock(called, caller, line);
    }

    private void print(List<Statement> into, int line) {
        boolean first = true;
        while (!current().is(Token.BLOCK_END)) {
            if (!first) {
                expect(",");
            }
            first = false;
            into.add(new Statement.Print(expression(), line));
        }
    }

    // Targets

    private void checkName(String name) {
        if (CONSTANTS.contains(name)) {
            throw fail("can't assign to '" + name + "'");
        }
    }

    private Target target(boolean tuples, Set<String> ends, boolean namespaces) {
        List<Target> targets = new ArrayList<>();
        boolean tuple = false;
        while (true) {
            if (!targets.isEmpty()) {
                expect(",");
            }
            if (tuples && isTupleEnd(ends)) {
                break;
            }
            targets.add(singleTarget(namespaces));
            if (!tuples || !current().is(",")) {
                break;
            }
            tuple = true;
        }
        if (targets.isEmpty()) {
            throw fail("Expected an expression, got " + current().shown());
        }
        return tuple ? new Target.ToTuple(targets) : targets.get(0);
    }

    private Target singleTarget(boolean namespaces) {
        if (skip("(")) {
            Target inner = current().is(")") ? new Target.ToTuple(List.of()) : target(true, Set.of(), false);
            expect(")");
            return inner;
        }
        Token token = next();
        if (!token.is(Token.NAME)) {
            throw fail("can't assign to " + token.shown());
        }
        String name = (String) token.value();
        checkName(name);
        if (namespaces && skip(".")) {
            return new Target.ToAttribute(name, (String) expect(Token.NAME).value(), new Variable());
        }
        return new Target.ToName(name, new Variable());
    }

    // Expressions, by precedence

    private boolean isTupleEnd(Set<String> ends) {
        Token token = current();
        return token.is(Token.PRINT_END)
                || token.is(Token.BLOCK_END)
                || token.is(")")
                || (token.is(Token.NAME) && ends.contains(token.value()));
    }

    private Expression tuple(boolean conditions, Set<String> ends, boolean brackets) {
        List<Expression> parts = new ArrayList<>();
        boolean tuple = false;
        while (true) {
            if (!parts.isEmpty()) {
                expect(",");
            }
            if (isTupleEnd(ends)) {
                break;
            }
            parts.add(conditions ? expression() : or());
            if (!current().is(",")) {
                break;
            }
            tuple = true;
        }
        if (!tuple && !parts.isEmpty()) {
            return parts.get(0);
        }
        if (!tuple && !brackets) {
            throw fail("Expected an expression, got " + current().shown());
        }
        return new Expression.TupleOf(parts);
    }

    private Expression expression() {
        deeper();
        Expression then = or();
        while (skipName("if")) {
            Expression test = or();
            then = new Expression.Conditional(test, then, skipName("else") ? expression() : null);
        }
        expressions--;
        return then;
    }

    private void deeper() {
        if (++expressions > MAX_EXPRESSIONS) {
            throw new RenderBudget.Exceeded("chat template is too involved: " + expressions
                    + " expressions within expressions (at most " + MAX_EXPRESSIONS + ")");
        }
    }

    private Expression or() {
        Expression left = and();
        while (skipName("or")) {
            left = new Expression.Or(left, and());
        }
        return left;
    }

    private Expression and() {
        Expression left = not();
        while (skipName("and")) {
            left = new Expression.And(left, not());
        }
        return left;
    }

    private Expression not() {
        if (skipName("not")) {
            deeper();
            Expression operand = not();
            expressions--;
            return new Expression.Not(operand);
        }
        return comparison();
    }

    private Expression comparison() {
        List<Expression> parts = new ArrayList<>(List.of(sum()));
        List<String> operators = new ArrayList<>();
        while (true) {
            if (COMPARISONS.contains(current().type())) {
                operators.add(next().type());
            } else if (skipName("in")) {
                operators.add("in");
            } else if (current().isName("not") && look().isName("in")) {
                next();
                next();
                operators.add("not in");
            } else {
                return operators.isEmpty() ? parts.get(0) : new Expression.Comparison(parts, operators);
            }
            parts.add(sum());
        }
    }

    private Expression sum() {
        Expression left = concatenation();
        while (current().is("+") || current().is("-")) {
            String operator = next().type();
            left = new Expression.Binary(left, operator, concatenation());
        }
        return left;
    }

    private Expression concatenation() {
        Expression first = product();
        if (!current().is("~")) {
            return first;
        }
        List<Expression> parts = new ArrayList<>(List.of(first));
        while (skip("~")) {
            parts.add(product());
        }
        return new Expression.Concatenation(parts);
    }

    private Expression product() {
        Expression left = power();
        while (current().is("*")
                || current().is("/")
                || current().is("//")
                || current().is("%")) {
            String operator = next().type();
            left = new Expression.Binary(left, operator, power());
        }
        return left;
    }

    private Expression power() {
        Expression left = unary(true);
        while (skip("**")) {
            left = new Expression.Binary(left, "**", unary(true));
        }
        return left;
    }

    private Expression unary(boolean withFilters) {
        Expression expression;
        if (current().is("-") || current().is("+")) {
            deeper();
            String operator = next().type();
            expression = new Expression.Unary(operator, unary(false));
            expressions--;
        } else {
            expression = primary();
        }
        expression = postfixes(expression);
        return withFilters ? filtersAndTests(expression) : expression;
    }

    private Expression primary() {
        Token token = next();
        switch (token.type()) {
            case Token.NAME -> {
                return switch ((String) token.value()) {
                    case "true", "True" -> new Expression.Constant(true);
                    case "false", "False" -> new Expression.Constant(false);
                    case "none", "None" -> new Expression.Constant(null);
                    default -> new Expression.Name((String) token.value(), new Variable());
                };
            }
            case Token.STRING -> {
                StringBuilder text = new StringBuilder((String) token.value());
                while (current().is(Token.STRING)) {
                    text.append((String) next().value());
                }
                return new Expression.Constant(text.toString());
            }
            case Token.INTEGER, Token.FLOAT -> {
                return new Expression.Constant(token.value());
            }
            case "(" -> {
                Expression inner = tuple(true, Set.of(), true);
                expect(")");
                return inner;
            }
            case "[" -> {
                return new Expression.ListOf(items("]", false));
            }
            case "{" -> {
                return new Expression.DictOf(items("}", true));
            }
            default -> {
                at--;
                throw fail("unexpected " + token.shown());
            }
        }
    }

    private List<Expression> items(String end, boolean pairs) {
        List<Expression> items = new ArrayList<>();
        while (!current().is(end)) {
            if (!items.isEmpty()) {
                expect(",");
                if (current().is(end)) {
                    break;
                }
            }
            items.add(expression());
            if (pairs) {
                expect(":");
                items.add(expression());
            }
        }
        expect(end);
        return items;
    }

    private Expression postfixes(Expression first) {
        Expression expression = first;
        while (true) {
            if (skip(".")) {
                Token name = next();
                if (name.is(Token.NAME)) {
                    expression = new Expression.Attribute(expression, (String) name.value());
                } else if (name.is(Token.INTEGER)) {
                    expression = new Expression.Item(expression, new Expression.Constant(name.value()));
                } else {
                    throw fail("expected name or number");
                }
            } else if (skip("[")) {
                expression = subscript(expression);
            } else if (current().is("(")) {
                expression = new Expression.Call(expression, arguments());
            } else {
                return expression;
            }
        }
    }

    private Expression subscript(Expression of) {
        List<Expression> keys = new ArrayList<>();
        Expression slice = null;
        while (!current().is("]")) {
            if (!keys.isEmpty() || slice != null) {
                expect(",");
            }
            if (slice != null) {
                throw fail("a slice among several subscripts");
            }
            Expression start = current().is(":") ? null : expression();
            if (skip(":")) {
                Expression stop = current().is(":") || isSliceEnd() ? null : expression();
                Expression step = skip(":") && !isSliceEnd() ? expression() : null;
                slice = new Expression.Slice(of, start, stop, step);
            } else {
                keys.add(start);
            }
        }
        expect("]");
        if (slice != null && !keys.isEmpty()) {
            throw fail("a slice among several subscripts");
        }
        return slice != null
                ? slice
                : new Expression.Item(of, keys.size() == 1 ? keys.get(0) : new Expression.TupleOf(keys));
    }

    private boolean isSliceEnd() {
        return current().is("]") || current().is(",");
    }

    private Given arguments() {
        expect("(");
        List<Expression> given = new ArrayList<>();
        List<String> names = new ArrayList<>();
        Expression list = null;
        Expression map = null;
        boolean more = false;
        while (!current().is(")")) {
            if (more) {
                expect(",");
                if (current().is(")")) {
                    break;
                }
            }
            more = true;
            boolean named = current().is(Token.NAME) && look().is("=");
            boolean misplaced = current().is("*")
                    ? list != null || map != null
                    : map != null || (!current().is("**") && !named && (list != null || !names.isEmpty()));
            if (misplaced) {
                throw fail("invalid syntax for function call expression");
            }
            if (skip("*")) {
                list = expression();
            } else if (skip("**")) {
                map = expression();
            } else {
                if (named) {
                    names.add((String) next().value());
                    next();
                }
                given.add(expression());
            }
        }
        expect(")");
        if (Set.copyOf(names).size() < names.size()) {
            throw fail("keyword argument repeated");
        }
        return new Given(given, names, list, map);
    }

    private Expression filtersAndTests(Expression first) {
        Expression expression = first;
        while (true) {
            if (current().is("|")) {
                expression = filters(expression, false);
            } else if (current().isName("is")) {
                expression = test(expression);
            } else if (current().is("(")) {
                expression = new Expression.Call(expression, arguments());
            } else {
                return expression;
            }
        }
    }

    /** Parses consecutive filters; with {@code inline}, the first has no bar before it. */
    private Expression filters(Expression of, boolean inline) {
        Expression expression = of;
        boolean first = inline;
        while (first || skip("|")) {
            first = false;
            int line = current().line();
            String name = dottedName();
            Given given = current().is("(") ? arguments() : Given.NONE;
            expression = new Expression.Filter(expression, name, given, line);
        }
        return expression;
    }

    private String dottedName() {
        StringBuilder name = new StringBuilder((String) expect(Token.NAME).value());
        while (skip(".")) {
            name.append('.').append((String) expect(Token.NAME).value());
        }
        return name.toString();
    }

    private Expression test(Expression of) {
        int line = next().line();
        boolean negated = skipName("not");
        String name = dottedName();
        Given given = Given.NONE;
        if (current().is("(")) {
            given = arguments();
        } else if (LITERALS.contains(current().type())
                && !current().isName("else")
                && !current().isName("or")
                && !current().isName("and")) {
            if (current().isName("is")) {
                throw fail("You cannot chain multiple tests with is");
            }
            given = new Given(List.of(postfixes(primary())), List.of(), null, null);
        }
        Expression test = new Expression.Test(of, name, given, line);
        return negated ? new Expression.Not(test) : test;
    }
}
