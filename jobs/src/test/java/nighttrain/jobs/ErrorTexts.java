package nighttrain.jobs;

import com.sun.source.tree.BinaryTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.ConditionalExpressionTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.IdentifierTree;
import com.sun.source.tree.LambdaExpressionTree;
import com.sun.source.tree.LiteralTree;
import com.sun.source.tree.MemberSelectTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.NewClassTree;
import com.sun.source.tree.ParenthesizedTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import com.sun.source.util.Trees;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.lang.model.element.Modifier;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * Collects the texts of the user errors in Java sources. A text consists of its literals: a constant or a local variable is read where it is
 * declared, a parameter at the method's callers, each branch of a condition gives a text of its own, and any other expression is {@value #HOLE}. A
 * {@code Flaw} holds the same three parts of an error that is made later.
 */
final class ErrorTexts {
    /** A part that is known only when the program runs. */
    static final String HOLE = "…";

    /** Depth at which reading ends: at methods that call one another in a circle, and in chains that are too long to follow. */
    private static final int MAX_DEPTH = 6;

    /** A component name that more records than this share is not followed: {@code name} or {@code path} could be anything. */
    private static final int MAX_RECORDS = 2;

    /** What failed and the hint of one call; {@code place} is file and line. */
    record Text(String place, String what, String hint) {
        String form() {
            return what + ": " + HOLE + " (" + hint + ")";
        }

        @Override
        public String toString() {
            return place + ": " + form();
        }
    }

    private final Trees trees;
    private final Map<String, List<TreePath>> calls = new HashMap<>();
    private final Map<String, List<TreePath>> constants = new HashMap<>();
    private final Map<String, List<Component>> components = new HashMap<>();
    private final List<TreePath> errors = new ArrayList<>();

    /** The {@code index}th component of the records {@code owner}. */
    private record Component(String owner, int index) {}

    private ErrorTexts(Trees trees) {
        this.trees = trees;
    }

    /** Returns the texts of all errors that {@code files} make, each once. */
    static Set<Text> of(List<Path> files) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
            JavacTask task = (JavacTask) compiler.getTask(
                    null, manager, null, List.of("-proc:none"), null, manager.getJavaFileObjectsFromPaths(files));
            ErrorTexts found = new ErrorTexts(Trees.instance(task));
            for (CompilationUnitTree unit : task.parse()) {
                found.index(unit);
            }
            return found.texts();
        }
    }

    private void index(CompilationUnitTree unit) {
        new TreePathScanner<Void, Void>() {
            @Override
            public Void visitMethodInvocation(MethodInvocationTree call, Void none) {
                String name = name(call.getMethodSelect());
                if (call.getMethodSelect().toString().equals("UserError.of")) {
                    errors.add(getCurrentPath());
                } else {
                    calls.computeIfAbsent(name, key -> new ArrayList<>()).add(getCurrentPath());
                }
                return super.visitMethodInvocation(call, null);
            }

            @Override
            public Void visitNewClass(NewClassTree made, Void none) {
                if (name(made.getIdentifier()).equals("Flaw")) {
                    errors.add(getCurrentPath());
                }
                calls.computeIfAbsent(name(made.getIdentifier()), key -> new ArrayList<>())
                        .add(getCurrentPath());
                return super.visitNewClass(made, null);
            }

            @Override
            public Void visitClass(ClassTree type, Void none) {
                if (type.getKind() == Tree.Kind.RECORD) {
                    String owner = type.getSimpleName().toString();
                    int index = 0;
                    for (Tree member : type.getMembers()) {
                        if (member instanceof VariableTree field
                                && !field.getModifiers().getFlags().contains(Modifier.STATIC)) {
                            components
                                    .computeIfAbsent(field.getName().toString(), key -> new ArrayList<>())
                                    .add(new Component(owner, index++));
                        }
                    }
                }
                return super.visitClass(type, null);
            }

            @Override
            public Void visitVariable(VariableTree variable, Void none) {
                if (getCurrentPath().getParentPath().getLeaf() instanceof ClassTree) {
                    constants
                            .computeIfAbsent(variable.getName().toString(), key -> new ArrayList<>())
                            .add(getCurrentPath());
                }
                return super.visitVariable(variable, null);
            }
        }.scan(unit, null);
    }

    private Set<Text> texts() {
        Set<Text> texts = new LinkedHashSet<>();
        for (TreePath call : errors) {
            List<? extends ExpressionTree> arguments = arguments(call);
            for (Reading what : read(arguments.get(0), call, Map.of(), 0)) {
                for (Reading hint : read(arguments.get(2), call, what.bound(), 0)) {
                    texts.add(new Text(place(call), what.text(), hint.text()));
                }
            }
        }
        return texts;
    }

    /** A text, and the caller that supplied each method's parameters in it: what and hint of one text come from the same caller. */
    private record Reading(String text, Map<MethodTree, TreePath> bound) {}

    private List<Reading> read(ExpressionTree tree, TreePath at, Map<MethodTree, TreePath> bound, int depth) {
        if (depth > MAX_DEPTH) {
            return List.of(new Reading(HOLE, bound));
        }
        if (tree instanceof LiteralTree literal) {
            return List.of(new Reading(String.valueOf(literal.getValue()), bound));
        }
        if (tree instanceof ParenthesizedTree inner) {
            return read(inner.getExpression(), at, bound, depth);
        }
        if (tree instanceof ConditionalExpressionTree choice) {
            List<Reading> both = new ArrayList<>(read(choice.getTrueExpression(), at, bound, depth));
            both.addAll(read(choice.getFalseExpression(), at, bound, depth));
            return both;
        }
        if (tree instanceof BinaryTree sum && sum.getKind() == Tree.Kind.PLUS) {
            List<Reading> joined = new ArrayList<>();
            for (Reading left : read(sum.getLeftOperand(), at, bound, depth)) {
                for (Reading right : read(sum.getRightOperand(), at, left.bound(), depth)) {
                    joined.add(new Reading(left.text() + right.text(), right.bound()));
                }
            }
            return joined;
        }
        if (tree instanceof IdentifierTree identifier) {
            return named(identifier.getName().toString(), at, bound, depth + 1);
        }
        if (tree instanceof MemberSelectTree select) {
            return constant(select.getIdentifier().toString(), name(select.getExpression()), at, bound, depth + 1);
        }
        if (tree instanceof MethodInvocationTree call && call.getMethodSelect() instanceof MemberSelectTree select) {
            return called(call, select, at, bound, depth + 1);
        }
        return List.of(new Reading(HOLE, bound));
    }

    /** Reads the texts of an {@code Optional} or stream; for a record's component, reads the arguments of the record's constructor calls. */
    private List<Reading> called(
            MethodInvocationTree call,
            MemberSelectTree select,
            TreePath at,
            Map<MethodTree, TreePath> bound,
            int depth) {
        String name = select.getIdentifier().toString();
        List<Reading> readings = new ArrayList<>();
        if (name.equals("findFirst")) {
            return read(select.getExpression(), at, bound, depth);
        }
        if (name.equals("orElse")) {
            readings.addAll(read(select.getExpression(), at, bound, depth));
            readings.addAll(read(call.getArguments().get(0), at, bound, depth));
        }
        if (name.startsWith("map")
                && call.getArguments().get(0) instanceof LambdaExpressionTree lambda
                && lambda.getBody() instanceof ExpressionTree body) {
            return read(body, at, bound, depth);
        }
        List<Component> made = components.getOrDefault(name, List.of());
        if (depth < MAX_DEPTH && call.getArguments().isEmpty() && made.size() <= MAX_RECORDS) {
            Set<String> texts = new LinkedHashSet<>();
            for (Component component : made) {
                for (TreePath maker : calls.getOrDefault(component.owner(), List.of())) {
                    if (maker.getLeaf() instanceof NewClassTree
                            && arguments(maker).size() > component.index()) {
                        read(arguments(maker).get(component.index()), maker, Map.of(), MAX_DEPTH - 1)
                                .forEach(reading -> texts.add(reading.text()));
                    }
                }
            }
            texts.forEach(text -> readings.add(new Reading(text, bound)));
        }
        return readings.isEmpty() ? List.of(new Reading(HOLE, bound)) : readings;
    }

    private List<Reading> named(String name, TreePath at, Map<MethodTree, TreePath> bound, int depth) {
        for (TreePath path = at; path != null; path = path.getParentPath()) {
            if (path.getLeaf() instanceof MethodTree method) {
                for (int i = 0; i < method.getParameters().size(); i++) {
                    if (method.getParameters().get(i).getName().contentEquals(name)) {
                        return argument(method, i, path, bound, depth);
                    }
                }
                ExpressionTree local = local(name, path);
                if (local != null) {
                    return read(local, path, bound, depth);
                }
                break;
            }
        }
        return constant(name, null, at, bound, depth);
    }

    /** Reads the arguments that callers give for a parameter: of the caller that is already bound, else of each caller. */
    private List<Reading> argument(
            MethodTree method, int index, TreePath at, Map<MethodTree, TreePath> bound, int depth) {
        String owner = owner(at);
        boolean constructor = method.getName().contentEquals("<init>");
        String name = constructor ? owner : method.getName().toString();
        List<TreePath> callers =
                bound.containsKey(method) ? List.of(bound.get(method)) : calls.getOrDefault(name, List.of());
        List<Reading> readings = new ArrayList<>();
        for (TreePath caller : callers) {
            List<? extends ExpressionTree> arguments = arguments(caller);
            boolean same = caller.getCompilationUnit() == at.getCompilationUnit();
            if (arguments.size() != method.getParameters().size() || !(same || constructor || selects(caller, owner))) {
                continue;
            }
            Map<MethodTree, TreePath> also = new HashMap<>(bound);
            also.put(method, caller);
            readings.addAll(read(arguments.get(index), caller, also, depth));
        }
        return readings.isEmpty() ? List.of(new Reading(HOLE, bound)) : readings;
    }

    private List<Reading> constant(String name, String owner, TreePath at, Map<MethodTree, TreePath> bound, int depth) {
        for (TreePath path : constants.getOrDefault(name, List.of())) {
            boolean here = owner == null
                    ? path.getCompilationUnit() == at.getCompilationUnit()
                    : owner(path).equals(owner);
            ExpressionTree value = ((VariableTree) path.getLeaf()).getInitializer();
            if (here && value != null) {
                return read(value, path, bound, depth);
            }
        }
        return List.of(new Reading(HOLE, bound));
    }

    private static ExpressionTree local(String name, TreePath method) {
        List<ExpressionTree> found = new ArrayList<>();
        new TreePathScanner<Void, Void>() {
            @Override
            public Void visitVariable(VariableTree variable, Void none) {
                if (variable.getName().contentEquals(name) && variable.getInitializer() != null) {
                    found.add(variable.getInitializer());
                }
                return super.visitVariable(variable, null);
            }
        }.scan(method, null);
        return found.isEmpty() ? null : found.get(0);
    }

    private static List<? extends ExpressionTree> arguments(TreePath call) {
        return call.getLeaf() instanceof NewClassTree made
                ? made.getArguments()
                : ((MethodInvocationTree) call.getLeaf()).getArguments();
    }

    private static boolean selects(TreePath call, String owner) {
        return call.getLeaf() instanceof MethodInvocationTree method
                && method.getMethodSelect() instanceof MemberSelectTree select
                && name(select.getExpression()).equalsIgnoreCase(owner);
    }

    private static String owner(TreePath path) {
        for (TreePath up = path; up != null; up = up.getParentPath()) {
            if (up.getLeaf() instanceof ClassTree owner) {
                return owner.getSimpleName().toString();
            }
        }
        return "";
    }

    private static String name(Tree tree) {
        String text = tree.toString();
        return text.substring(text.lastIndexOf('.') + 1);
    }

    private String place(TreePath path) {
        CompilationUnitTree unit = path.getCompilationUnit();
        long line = unit.getLineMap().getLineNumber(trees.getSourcePositions().getStartPosition(unit, path.getLeaf()));
        return Path.of(unit.getSourceFile().getName()).getFileName() + ":" + line;
    }
}
