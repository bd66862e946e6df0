package nighttrain.io.template;

/**
 * The value of what is not there. It prints as nothing, is false and has no items; whatever else is done with it fails.
 *
 * @param reason why, as the failure says it
 */
record Undefined(String reason) {
    /** A variable that nobody set. */
    static Undefined variable(String name) {
        return new Undefined("'" + name + "' is undefined");
    }

    /** An attribute or element that a value lacks. */
    static Undefined of(Object value, Object key) {
        String type = value == null ? "None" : Python.type(value) + " object";
        return new Undefined(
                Text.is(key)
                        ? "'" + type + "' has no attribute " + Python.repr(key)
                        : type + " has no element " + Python.repr(key));
    }

    TemplateError failure() {
        return new TemplateError(reason);
    }

    /** As Jinja2: any two are equal. */
    @Override
    public boolean equals(Object other) {
        return other instanceof Undefined;
    }

    @Override
    public int hashCode() {
        return 1;
    }
}
