package nighttrain.io.constraint;

import java.util.List;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;

/** A parsed regular expression. */
sealed interface Regex {
    /** Marks for the beginning and the end of a text while anchors are resolved: surrogates, which occur in no text. */
    int BEGIN = 0xD800;

    int END = 0xD801;

    /** Value of {@code most} for a repetition without limit. */
    int UNBOUNDED = -1;

    /** One character of a set; the empty set matches nothing. */
    record One(CodePoints of) implements Regex {}

    record Sequence(List<Regex> parts) implements Regex {}

    record Either(List<Regex> cases) implements Regex {}

    record Repeat(Regex part, int least, int most) implements Regex {}

    record Anchor(int mark) implements Regex {}

    /** Adds what this expression matches to {@code nfa} and returns the state in which it ends. */
    default int addTo(Nfa nfa, int from) {
        if (this instanceof One one) {
            return nfa.oneOf(from, one.of);
        }
        if (this instanceof Anchor anchor) {
            int to = nfa.state();
            nfa.arc(from, anchor.mark, anchor.mark, to);
            return to;
        }
        if (this instanceof Sequence sequence) {
            int at = from;
            for (Regex part : sequence.parts) {
                at = part.addTo(nfa, at);
            }
            return at;
        }
        if (this instanceof Either either) {
            int to = nfa.state();
            either.cases.forEach(each -> nfa.empty(each.addTo(nfa, from), to));
            return to;
        }
        return repeated((Repeat) this, nfa, from);
    }

    private static int repeated(Repeat repeat, Nfa nfa, int from) {
        int at = from;
        for (int i = 0; i < repeat.least; i++) {
            at = repeat.part.addTo(nfa, at);
        }
        int end = nfa.state();
        if (repeat.most == UNBOUNDED) {
            int head = nfa.state();
            nfa.empty(at, head);
            nfa.empty(repeat.part.addTo(nfa, head), head);
            nfa.empty(head, end);
            return end;
        }
        for (int i = repeat.least; i < repeat.most; i++) {
            nfa.empty(at, end);
            int next = nfa.state();
            nfa.empty(at, next); // the part may return to the state in which it begins
            at = repeat.part.addTo(nfa, next);
        }
        nfa.empty(at, end);
        return end;
    }

    private boolean anchored() {
        if (this instanceof Sequence sequence) {
            return sequence.parts.stream().anyMatch(Regex::anchored);
        }
        if (this instanceof Either either) {
            return either.cases.stream().anyMatch(Regex::anchored);
        }
        return this instanceof Anchor || (this instanceof Repeat repeat && repeat.part.anchored());
    }

    /** Returns the texts that match as a whole, deterministic. */
    default Automaton whole() {
        return anchored() ? unframed(framed(true)) : Limits.determinise(plain(this));
    }

    /** Returns the texts that contain a match, as {@code pattern} of JSON Schema asks; deterministic. */
    default Automaton somewhere() {
        Regex any = new Repeat(new One(CodePoints.ALL), 0, UNBOUNDED);
        if (!anchored()) {
            return Limits.determinise(plain(any, this, any));
        }
        // The common form ^...$ needs no resolution of anchors.
        if (this instanceof Sequence sequence && sequence.parts.get(0) instanceof Anchor first && first.mark == BEGIN) {
            int last = sequence.parts.size() - 1;
            boolean ends = last > 0 && sequence.parts.get(last) instanceof Anchor end && end.mark == END;
            Regex inner = new Sequence(sequence.parts.subList(1, ends ? last : last + 1));
            if (!inner.anchored()) {
                return Limits.determinise(ends ? plain(inner) : plain(inner, any));
            }
        }
        return unframed(framed(false));
    }

    private static Automaton plain(Regex... parts) {
        Nfa nfa = new Nfa();
        int start = nfa.state();
        return nfa.toAutomaton(start, new Sequence(List.of(parts)).addTo(nfa, start));
    }

    /** Returns the matching texts between marks; anchors match the marks like characters. */
    private Automaton framed(boolean whole) {
        Regex text = new Repeat(new One(CodePoints.ALL), 0, UNBOUNDED);
        Regex begin = new Anchor(BEGIN);
        Regex end = new Anchor(END);
        Regex before = new Sequence(List.of(begin, text));
        Regex after = new Sequence(List.of(text, end));
        Regex match = new Sequence(
                List.of(new Repeat(whole ? begin : before, 0, 1), this, new Repeat(whole ? end : after, 0, 1)));
        return Limits.intersection(Limits.determinise(plain(match)), Limits.determinise(plain(begin, text, end)));
    }

    /** Removes the marks. */
    private static Automaton unframed(Automaton framed) {
        Nfa nfa = new Nfa();
        for (int s = 0; s < framed.getNumStates(); s++) {
            nfa.state();
        }
        int start = nfa.state();
        int end = nfa.state();
        Transition t = new Transition();
        for (int s = 0; s < framed.getNumStates(); s++) {
            int count = framed.initTransition(s, t);
            for (int i = 0; i < count; i++) {
                framed.getNextTransition(t);
                if (t.min == BEGIN) {
                    nfa.empty(start, t.dest);
                } else if (t.min == END) {
                    nfa.empty(s, end);
                } else {
                    nfa.arc(s, t.min, t.max, t.dest);
                }
            }
        }
        return Limits.determinise(nfa.toAutomaton(start, end));
    }
}
