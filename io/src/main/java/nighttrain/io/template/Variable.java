package nighttrain.io.template;

/** Where a name's value is. {@link Binder} finds that out once the whole template is read. */
final class Variable {
    private int functionsOut;
    private int slot = -1;

    void bind(int functions, int index) {
        functionsOut = functions;
        slot = index;
    }

    Object get(Scope scope) {
        return (functionsOut == 0 ? scope : scope.out(functionsOut)).slots[slot];
    }

    /** Names are set in their own function only. */
    void set(Scope scope, Object value) {
        scope.slots[slot] = value;
    }
}
