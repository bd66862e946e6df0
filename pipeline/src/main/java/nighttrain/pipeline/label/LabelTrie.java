package nighttrain.pipeline.label;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.pipeline.row.RowRequest.Continuation;

/**
 * Answers as a trie of their tokens. The log-probability of an answer after a prompt is the sum over the edges from the root to the
 * answer's node. A request follows one path of nodes that have children, and each edge is scored in one request only, so that what
 * answers have in common is computed once.
 *
 * @param requests one for every path that cannot be made longer
 * @param edges of each answer: places in the scores of all requests together
 */
record LabelTrie(List<Continuation> requests, List<List<Integer>> edges) implements Serializable {
    private static final long serialVersionUID = 1L;

    LabelTrie {
        requests = List.copyOf(requests);
        edges = List.copyOf(edges);
    }

    /** {@code answers}: the tokens of each, at least one; no two have the same. */
    static LabelTrie of(List<List<Integer>> answers) {
        Node root = new Node();
        List<List<Node>> ways = answers.stream().map(root::way).toList();
        List<Continuation> requests = new ArrayList<>();
        new Walk(requests).visit(root, new ArrayList<>(), new ArrayList<>());
        return new LabelTrie(
                requests,
                ways.stream()
                        .map(way -> way.stream().map(node -> node.score).toList())
                        .toList());
    }

    /** The most tokens that an answer has. */
    int mostTokens() {
        return edges.stream().mapToInt(List::size).max().orElseThrow();
    }

    /** How many edges. */
    int scores() {
        return requests.stream().mapToInt(request -> request.scores().size()).sum();
    }

    /** The log-probability of each answer, from those of the edges. */
    double[] logprobs(List<Float> scores) {
        if (scores.size() != scores()) {
            throw new IllegalStateException("scores: " + scores.size() + " (" + scores() + " were asked for)");
        }
        return edges.stream()
                .mapToDouble(answer -> answer.stream().mapToDouble(scores::get).sum())
                .toArray();
    }

    /** A token in its place. */
    private static final class Node {
        private final Map<Integer, Node> children = new TreeMap<>();
        private int score = -1;

        /** The nodes of these tokens below this one; they are made where there are none. */
        List<Node> way(List<Integer> tokens) {
            List<Node> way = new ArrayList<>();
            Node at = this;
            for (int token : tokens) {
                at = at.children.computeIfAbsent(token, missing -> new Node());
                way.add(at);
            }
            return way;
        }

        boolean isInner() {
            return !children.isEmpty();
        }
    }

    /** Goes through the inner nodes, depth first. */
    private static final class Walk {
        private final List<Continuation> requests;
        private int numbered;

        Walk(List<Continuation> requests) {
            this.requests = requests;
        }

        /** {@code path}: tokens down to the node; {@code unscored}: nodes on it whose edges no request has yet. */
        void visit(Node node, List<Integer> path, List<Pending> unscored) {
            List<Pending> pending = new ArrayList<>(unscored);
            pending.add(new Pending(node, path.size()));
            boolean goesOn = false;
            for (Map.Entry<Integer, Node> child : node.children.entrySet()) {
                if (child.getValue().isInner()) {
                    List<Integer> longer = new ArrayList<>(path);
                    longer.add(child.getKey());
                    visit(child.getValue(), longer, goesOn ? List.of() : pending);
                    goesOn = true;
                }
            }
            if (!goesOn) {
                requests.add(request(path, pending));
            }
        }

        private Continuation request(List<Integer> path, List<Pending> pending) {
            List<Score> scores = new ArrayList<>();
            for (Pending place : pending) {
                place.node.children.forEach((token, child) -> {
                    child.score = numbered++;
                    scores.add(new Score(place.depth, token));
                });
            }
            return new Continuation(path, scores);
        }
    }

    /** A node whose children are to be scored. */
    private record Pending(Node node, int depth) {}
}
