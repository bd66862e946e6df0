package nighttrain.pipeline.label;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.pipeline.row.RowRequest.Continuation;

/**
 * A trie of the tokens of the possible answers. The log-probability of an answer after a prompt is the sum over the edges from the root to
 * the answer's node. A request follows one path of nodes that have children, and each edge is scored in only one request, so that common
 * prefixes of answers are computed once.
 *
 * @param requests one request for every longest path of inner nodes
 * @param edges for each answer, the indexes of its edges in the concatenated scores of all requests
 */
record LabelTrie(List<Continuation> requests, List<List<Integer>> edges) implements Serializable {
    private static final long serialVersionUID = 1L;

    LabelTrie {
        requests = List.copyOf(requests);
        edges = List.copyOf(edges);
    }

    /** Builds the trie. {@code answers}: the tokens of each answer, at least one; no two answers have the same tokens. */
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

    /** Returns the number of tokens of the longest answer. */
    int mostTokens() {
        return edges.stream().mapToInt(List::size).max().orElseThrow();
    }

    /** Returns the number of edges. */
    int scores() {
        return requests.stream().mapToInt(request -> request.scores().size()).sum();
    }

    /** Returns the log-probability of each answer, summed from those of the edges. */
    double[] logprobs(List<Float> scores) {
        if (scores.size() != scores()) {
            throw new IllegalStateException("scores: " + scores.size() + " (" + scores() + " were asked for)");
        }
        return edges.stream()
                .mapToDouble(answer -> answer.stream().mapToDouble(scores::get).sum())
                .toArray();
    }

    /** A node of the trie: a token after the tokens above it. */
    private static final class Node {
        private final Map<Integer, Node> children = new TreeMap<>();
        private int score = -1;

        /** Returns the nodes of these tokens below this one, and creates missing nodes. */
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

    /** Visits the inner nodes depth first. */
    private static final class Walk {
        private final List<Continuation> requests;
        private int numbered;

        Walk(List<Continuation> requests) {
            this.requests = requests;
        }

        /** Visits a node. {@code path}: tokens down to the node; {@code unscored}: nodes on the path whose edges are in no request yet. */
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
